"""STO-5, STO-11, STO-12, REG-1: versions in S3, by a server that enforces conditional writes."""

from __future__ import annotations

import io
import json
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from serving.errors import ServingError
from serving.registry.bucket import Bucket, at
from serving.registry.bucket_store import BucketStore
from serving.registry.errors import Refused, StoreError
from serving.registry.listing import rows
from serving.registry.model_file import read
from serving.registry.publish import publish
from serving.registry.source import open_source
from serving.registry.store import open_store
from serving.registry.transfer import Advance
from serving.triton import running
from tests.live.buckets import BUCKET, cloud, empty, keys
from tests.unit.serving.registry.hostile_sources import CHANGES, FILES, SOURCES
from tests.unit.serving.registry.hostile_versions import LIES
from tests.unit.serving.registry.workplace import Workplace

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

pytestmark = pytest.mark.live

STORE = f"s3://{BUCKET}/team/store"
VERSION = "team/store/digits/1/"


@pytest.fixture(scope="module")
def server() -> Iterator[S3Client]:
    with cloud() as client:
        yield client


@pytest.fixture
def s3(server: S3Client) -> Iterator[S3Client]:
    yield server
    empty(server)


@pytest.fixture
def store(s3: S3Client) -> BucketStore:
    return BucketStore(STORE)


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up(FILES)


def test_a_version_is_read_back_as_it_was_published(
    s3: S3Client, workplace: Workplace, store: BucketStore
) -> None:
    manifest = workplace.publish(store=store)
    assert workplace.verify(store=store) == manifest
    found = [key.removeprefix(VERSION) for key in keys(s3)]
    assert sorted(found) == sorted([*manifest.files, "manifest.json"])
    assert [row.manifest for row in rows(open_store(STORE))] == [manifest]


def test_a_version_has_the_same_digest_in_a_folder_and_in_s3(
    workplace: Workplace, store: BucketStore
) -> None:
    in_folder = workplace.publish()
    assert workplace.publish(store=store).digest == in_folder.digest


def test_publishing_twice_is_refused_and_says_whether_it_is_the_same(
    workplace: Workplace, store: BucketStore
) -> None:
    manifest = workplace.publish(store=store)
    with pytest.raises(ServingError, match="already, with the same content"):
        workplace.publish(store=store)
    (workplace.source / "model.py").write_text("other")
    with pytest.raises(Refused, match=r"digits/1/model\.py: is not the same"):
        workplace.publish(store=store)
    assert workplace.verify(store=store) == manifest


@pytest.mark.parametrize("case", [*SOURCES])
def test_a_hostile_source_leaves_no_object(
    s3: S3Client, workplace: Workplace, store: BucketStore, case: str
) -> None:
    name = SOURCES[case](workplace.source)
    with pytest.raises(ServingError) as refusal:
        workplace.publish(store=store)
    assert name in str(refusal.value)
    assert keys(s3) == []


@pytest.mark.parametrize("case", [*CHANGES])
def test_a_source_that_changes_while_it_is_copied_leaves_no_object(
    s3: S3Client, workplace: Workplace, store: BucketStore, case: str
) -> None:
    names: list[str] = []
    once = threading.Lock()

    @contextmanager
    def meter(what: str, total: int) -> Iterator[Advance]:
        def advance(size: int) -> None:
            if what.startswith("copying") and once.acquire(blocking=False):
                names.append(CHANGES[case](workplace.source))

        yield advance

    with pytest.raises(ServingError) as refusal:
        workplace.publish(store=store, meter=meter)
    assert names[0] in str(refusal.value)
    assert keys(s3) == []
    assert workplace.yaml.read_text() == workplace.text


def _put(key: str, body: bytes = b"x") -> Callable[[S3Client], object]:
    return lambda s3: s3.put_object(Bucket=BUCKET, Key=VERSION + key, Body=body)


DAMAGES: dict[str, tuple[str, Callable[[S3Client], object]]] = {
    "other content of the same size": (
        "digits/1/model.py", _put("digits/1/model.py", FILES["model.py"][::-1])
    ),
    "truncated": ("digits/1/weights/w.bin", _put("digits/1/weights/w.bin", b"\x00")),
    "missing": (
        "digits/1/model.py",
        lambda s3: s3.delete_object(Bucket=BUCKET, Key=f"{VERSION}digits/1/model.py"),
    ),
    "extra": ("digits/1/late.py", _put("digits/1/late.py")),
    "a folder that Triton takes for a version": ("digits/7/", _put("digits/7/", b"")),
    "names differ in case": ("digits/1/model.py", _put("digits/1/Model.py")),
    "a file and a folder": ("digits/1/model.py/x", _put("digits/1/model.py/x")),
    "leads out": ("../../2/x", _put("../../2/x")),
    "absolute": ("/etc/passwd", _put("/etc/passwd")),
    "empty part": ("digits//x", _put("digits//x")),
    "right-to-left override": (r"a\u202eb", _put("a\u202eb")),
}  # fmt: skip


@pytest.mark.parametrize("case", [*DAMAGES])
def test_a_damaged_version_is_refused_by_name(
    s3: S3Client, workplace: Workplace, store: BucketStore, case: str
) -> None:
    name, damage = DAMAGES[case]
    workplace.publish(store=store)
    damage(s3)
    with pytest.raises(ServingError) as refusal:
        workplace.verify(store=store)
    assert name in str(refusal.value)


@pytest.mark.parametrize("case", ["no digest", "wrong digest", "a file outside", "another version"])
def test_a_manifest_that_lies_is_refused(
    s3: S3Client, workplace: Workplace, store: BucketStore, case: str
) -> None:
    manifest = workplace.publish(store=store)
    document = json.loads(manifest.to_bytes())
    LIES[case](document)
    _put("manifest.json", json.dumps(document).encode())(s3)
    with pytest.raises(Refused, match=r"manifest\.json"):
        workplace.verify(store=store)


def test_a_hostile_key_in_the_source_is_refused(s3: S3Client, workplace: Workplace) -> None:
    for key in ("model.py", "../x", "a//b", "a\u202eb", "Model.py"):
        s3.put_object(Bucket=BUCKET, Key=f"from/{key}", Body=b"x")
    with pytest.raises(Refused) as refusal, open_source(f"s3://{BUCKET}/from/") as files:
        files.listed()
    names = {problem.path for problem in refusal.value.problems}
    assert names == {"../x", "a//b", "a\u202eb", "model.py"}


def test_a_version_can_be_published_from_s3(s3: S3Client, workplace: Workplace) -> None:
    s3.put_object(Bucket=BUCKET, Key="from/", Body=b"")  # as consoles make folders
    for path, content in FILES.items():
        s3.put_object(Bucket=BUCKET, Key=f"from/{path}", Body=content)
    expected = workplace.publish().files
    other = Workplace(workplace.root / "other")
    other.root.mkdir()
    other.yaml.write_text(other.text)
    with open_source(f"s3://{BUCKET}/from") as files:
        candidate = workplace.candidate()
        candidate = type(candidate)(
            model=read(other.yaml), version=1, source=files, origin="s3", created=candidate.created
        )
        manifest = publish(candidate, open_store(str(other.store)))
    assert manifest.files == expected


def test_an_object_exchanged_while_it_is_copied_is_refused(
    s3: S3Client, workplace: Workplace
) -> None:
    for path, content in FILES.items():
        s3.put_object(Bucket=BUCKET, Key=f"from/{path}", Body=content)
    once = threading.Lock()

    @contextmanager
    def meter(what: str, total: int) -> Iterator[Advance]:
        def advance(size: int) -> None:
            if once.acquire(blocking=False):
                changed = FILES["model.py"][::-1]
                s3.put_object(Bucket=BUCKET, Key="from/model.py", Body=changed)

        yield advance

    with open_source(f"s3://{BUCKET}/from") as files:
        candidate = workplace.candidate()
        object.__setattr__(candidate, "source", files)
        with pytest.raises(Refused, match=r"model\.py: was changed while it was copied"):
            publish(candidate, open_store(str(workplace.store)), meter)
    assert workplace.stored() == set()


def test_an_upload_in_parts_that_breaks_off_leaves_neither_parts_nor_objects(
    s3: S3Client, workplace: Workplace, store: BucketStore
) -> None:
    large = workplace.source / "weights" / "large.bin"
    large.write_bytes(os.urandom(24 << 20))
    seen = 0

    @contextmanager
    def meter(what: str, total: int) -> Iterator[Advance]:
        def advance(size: int) -> None:
            nonlocal seen
            seen += size
            if seen > 20 << 20:
                raise OSError(5, "Input/output error")

        yield advance

    with pytest.raises(StoreError, match=r"weights/large\.bin: .*Input/output error"):
        workplace.publish(store=store, meter=meter)
    assert keys(s3) == []
    assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_a_large_file_goes_in_parts_and_comes_back(
    s3: S3Client, workplace: Workplace, store: BucketStore
) -> None:
    (workplace.source / "weights" / "large.bin").write_bytes(random.Random(1).randbytes(20 << 20))
    manifest = workplace.publish(store=store)
    head = s3.head_object(Bucket=BUCKET, Key=f"{VERSION}digits/1/weights/large.bin")
    assert head["ETag"].endswith('-3"'), "three parts"
    assert workplace.verify(store=store) == manifest


def test_what_a_killed_publisher_left_is_cleared_by_the_next(
    s3: S3Client, workplace: Workplace, store: BucketStore
) -> None:
    _put("digits/1/old.bin")(s3)
    _put("contract.json")(s3)
    s3.create_multipart_upload(Bucket=BUCKET, Key=f"{VERSION}digits/1/half.bin")
    assert store.versions("digits") == []
    assert [*rows(store)] == []
    manifest = workplace.publish(store=store)
    assert workplace.verify(store=store) == manifest
    assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_a_lock_that_was_left_is_explained_and_can_be_removed(
    s3: S3Client, workplace: Workplace, store: BucketStore
) -> None:
    with store.staging("digits", 1):
        lock = s3.get_object(Bucket=BUCKET, Key="team/store/digits/.lock")["Body"].read()
        with pytest.raises(Refused, match="is being published to or pruned by") as refusal:
            workplace.publish(store=store)
        assert socket.gethostname() in str(refusal.value)
        assert f"delete {STORE}/digits/.lock" in str(refusal.value)
    assert keys(s3) == []
    s3.put_object(Bucket=BUCKET, Key="team/store/digits/.lock", Body=lock)
    with pytest.raises(Refused):
        workplace.publish(store=store)
    s3.delete_object(Bucket=BUCKET, Key="team/store/digits/.lock")
    workplace.publish(store=store)


def test_of_many_publishers_one_wins_and_its_version_is_whole(
    s3: S3Client, tmp_path: Path, store: BucketStore
) -> None:
    places = []
    for number in range(4):
        root = tmp_path / f"{number}"
        root.mkdir()
        places.append(Workplace(root).set_up({**FILES, "own.bin": bytes([number]) * 1000}))
    won: list[Workplace] = []
    start = threading.Barrier(len(places))

    def work(place: Workplace) -> None:
        start.wait()
        try:
            place.publish(store=store)
            won.append(place)
        except ServingError:
            pass

    threads = [threading.Thread(target=work, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    won[0].verify(store=store)
    assert "team/store/digits/.lock" not in keys(s3)


def test_a_manifest_that_somebody_else_wrote_meanwhile_is_not_replaced(
    s3: S3Client, workplace: Workplace, store: BucketStore
) -> None:
    with store.staging("digits", 1) as staging:
        _put("manifest.json", b"theirs")(s3)
        _put("digits/1/model.py", b"theirs")(s3)
        with pytest.raises(Refused, match=r"manifest\.json: is there by now"):
            staging.commit(b"ours")
    with Bucket(at(f"{STORE}/digits/1")).open("manifest.json") as stream:
        assert io.BufferedReader(stream).read() == b"theirs"
    assert keys(s3, VERSION) == [f"{VERSION}digits/1/model.py", f"{VERSION}manifest.json"]


def test_pruning_removes_objects_and_what_was_left_unfinished(
    s3: S3Client, workplace: Workplace, store: BucketStore
) -> None:
    for version in (1, 2):
        workplace.publish(version, store=store)
    s3.put_object(Bucket=BUCKET, Key="team/store/digits/9/digits/9/half", Body=b"x")
    store.remove("digits", [1])
    assert store.versions("digits") == ["2"]
    assert all(key.startswith("team/store/digits/2/") for key in keys(s3))
    workplace.verify(2, store=store)


def test_a_bucket_that_is_not_there_is_an_error_with_its_name(
    s3: S3Client, workplace: Workplace
) -> None:
    with pytest.raises(StoreError, match=r"s3://nowhere/digits: .*NoSuchBucket"):
        workplace.publish(store=open_store("s3://nowhere"))


ECHO = """
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("label", np.array([[3]], np.int64))])
            for _ in requests
        ]
"""


def test_the_real_triton_serves_a_version_out_of_the_bucket(
    s3: S3Client, workplace: Workplace, store: BucketStore
) -> None:
    (workplace.source / "model.py").write_text(ECHO)
    on_cpu = workplace.text.replace("{gpus: 1, gpu_memory: 2Gi,", "{accelerator: cpu,")
    workplace.yaml.write_text(on_cpu.replace(", instance_types: [g5.xlarge]", ""))
    workplace.publish(7, store=store)
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    repository = f"s3://{endpoint}/{BUCKET}/team/store/digits/7"
    pixels = np.zeros((1, 4), np.float32)
    with running(repository, ["digits"], 7) as server:
        assert server.infer("digits", 7, {"pixels": pixels})["label"].tolist() == [[3]]
    workplace.verify(7, store=store)
