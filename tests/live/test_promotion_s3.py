from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from serving.promotion.asks import Ask, asks_at
from serving.promotion.journal import Journal, JournalUnwritable, Overtaken, Store, records
from serving.promotion.journal_file import FileStore
from serving.promotion.lease import Busy, take
from serving.promotion.lease_store import LeaseStore, lease_at
from serving.promotion.place import name_of, open_store, stores_in
from serving.promotion.record import Intent, JournalError
from serving.promotion.replay import replay
from serving.promotion.shelf import shelf_at
from tests.live.buckets import BUCKET, cloud, empty, keys
from tests.unit.serving.promotion.recorded import NOON, Promotion, simulated, started

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

pytestmark = pytest.mark.live

PLACE = f"s3://{BUCKET}/state/journals"


@pytest.fixture(scope="module")
def client() -> Iterator[S3Client]:
    with cloud() as client:
        yield client


@pytest.fixture
def bucket(client: S3Client) -> Iterator[S3Client]:
    yield client
    empty(client)


def store(place: str = PLACE) -> Store:
    return open_store(name_of(place, "digits", 2, NOON))


def test_a_journal_in_s3_holds_the_same_lines_as_one_in_a_file(
    bucket: S3Client, tmp_path: Path
) -> None:
    here = FileStore(tmp_path / "a.jsonl")
    for each in (here, store()):
        Promotion(each, started(), simulated(1, 12)).run()
    lines = list(here.lines())
    assert list(store().lines()) == lines
    assert store().ends() == here.ends() == (lines[0], lines[-1])
    assert replay(records(store())).difference is None
    assert [s.where for s in stores_in(PLACE, "digits")] == [store().where]
    assert [s.where for s in stores_in(PLACE)] == [store().where]


def test_killed_after_any_object_it_resumes_to_the_same_journal(bucket: S3Client) -> None:
    Promotion(store(), started(), simulated(1, 5)).run()
    lines, names = list(store().lines()), keys(bucket)
    for kept in range(1, len(names)):
        for name in names[kept:]:
            bucket.delete_object(Bucket=BUCKET, Key=name)
        Promotion(store(), started(), simulated(1, 5)).resume().run()
        assert list(store().lines()) == lines


def test_two_writers_of_one_journal_cannot_both_go_on(bucket: S3Client) -> None:
    one, two = (Journal(store(), lambda: NOON) for _ in range(2))
    one.append(started())
    two.resume(lambda record: None)
    two.append(Intent(action="weight", weight=5, fence=2))
    with pytest.raises(Overtaken, match="another process goes on"):
        one.append(Intent(action="weight", weight=5, fence=1))
    with pytest.raises(Overtaken):
        Journal(store(), lambda: NOON).append(started(armed=False))


def test_a_line_that_s3_took_without_saying_so_counts_as_written(bucket: S3Client) -> None:
    """The answer got lost, so boto repeats the request and finds its own object."""
    journal = Journal(store(), lambda: NOON)
    journal.append(started())
    intent = Intent(action="weight", weight=5, fence=1)
    again = Journal(store(), lambda: NOON)
    again.resume(lambda record: None)
    journal.append(intent)
    again.append(intent)
    assert [record.number for record in records(store())] == [1, 2]


def test_an_object_that_was_changed_or_deleted_is_refused_with_its_line(bucket: S3Client) -> None:
    Promotion(store(), started(), simulated(1, 4)).run()
    name = keys(bucket)[3]
    body = bucket.get_object(Bucket=BUCKET, Key=name)["Body"].read()
    bucket.put_object(Bucket=BUCKET, Key=name, Body=body.replace(b"0", b"1", 1))
    with pytest.raises(JournalError, match="line 4 is damaged"):
        list(records(store()))
    bucket.delete_object(Bucket=BUCKET, Key=name)
    with pytest.raises(JournalError, match="line 4 does not follow"):
        list(records(store()))


def test_under_object_lock_nobody_deletes_a_record(client: S3Client) -> None:
    client.create_bucket(Bucket="kept", ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC) + timedelta(days=400)
    kept = open_store(name_of("s3://kept", "digits", 2, NOON), lambda: until)
    Promotion(kept, started(), simulated(1, 2)).run()
    versions = client.list_object_versions(Bucket="kept")["Versions"]
    assert len(versions) >= 4
    for each in versions:
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_object(Bucket="kept", Key=each["Key"], VersionId=each["VersionId"])
    assert replay(records(kept)).difference is None


def test_without_its_bucket_nothing_is_done(bucket: S3Client) -> None:
    journal = Journal(store("s3://absent/journals"), lambda: NOON)
    with pytest.raises(JournalUnwritable, match="nothing was done without its record"):
        journal.append(started())


def test_what_was_recorded_since_is_read_alone(bucket: S3Client) -> None:
    Promotion(store(), started(), simulated(1, 2)).run()
    lines = list(store().lines())
    assert list(store().lines(2)) == lines[2:]


def test_what_people_ask_lies_beside_the_lease_in_s3_too(bucket: S3Client) -> None:
    where = f"s3://{BUCKET}/state/leases"
    take(lease_store(), "kim", "digits version 2")
    asks = asks_at(where, "digits")
    name = asks.add(Ask(kind="abort", version=2, who="lee", reason="callers complain"))
    assert [ask.who for ask in asks.waiting(2).values()] == ["lee"]
    asks.remove([name])
    asks.remove([name])
    assert not asks.waits(name)
    shelf = shelf_at(f"{where}/digits")
    shelf.put("calibration.json", b"1")
    shelf.put("calibration.json", b"2")
    assert (shelf.get("calibration.json"), shelf.get("absent")) == (b"2", None)
    assert shelf.names() == ["calibration.json", "lease.json"]


def lease_store() -> LeaseStore:
    return lease_at(f"s3://{BUCKET}/state/leases/digits")


def test_a_lease_in_s3_has_one_holder_and_a_rising_number(bucket: S3Client) -> None:
    first = take(lease_store(), "kim", "digits version 2")
    with pytest.raises(Busy, match="digits version 2 is being done by kim"):
        take(lease_store(), "lee", "digits version 3")
    first.check()
    first.release()
    assert take(lease_store(), "lee", "digits version 3").fence == 2
    with pytest.raises(Overtaken, match="taken over from number 1"):
        first.check()


def test_of_many_that_overtake_at_once_one_does(bucket: S3Client) -> None:
    long_ago = take(lease_store(), "kim", "digits version 2", lambda: 0.0)
    results: list[str] = []

    def run(together: Barrier) -> None:
        together.wait()
        try:
            results.append(f"fence {take(lease_store(), 'lee', 'digits version 3').fence}")
        except Busy:
            results.append("busy")

    together = Barrier(6)
    threads = [Thread(target=run, args=(together,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["busy"] * 5 + ["fence 2"]
    with pytest.raises(Overtaken):
        long_ago.check()


def test_a_renewal_whose_answer_got_lost_costs_nobody_the_lease(bucket: S3Client) -> None:
    lease = take(lease_store(), "kim", "digits version 2")
    (key,) = keys(bucket)
    terms = bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    bucket.put_object(Bucket=BUCKET, Key=key, Body=terms.replace(b'"expires":1', b'"expires":2'))
    lease.check()
    lease.check()
