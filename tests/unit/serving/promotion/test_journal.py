from __future__ import annotations

import errno
import json
import os
import random
import resource
import subprocess
import sys
import textwrap
import tracemalloc
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from serving.errors import InputError
from serving.promotion.course import Course
from serving.promotion.decision import Acceptance, Approval, Facts, Override
from serving.promotion.gate import Rules
from serving.promotion.journal import (
    Journal,
    JournalUnwritable,
    Overtaken,
    records,
)
from serving.promotion.journal_file import FileStore
from serving.promotion.measurement import Window
from serving.promotion.preconditions import Account
from serving.promotion.record import (
    FORMAT,
    GENESIS,
    Decided,
    Effect,
    Intent,
    JournalError,
    Observed,
    Record,
    TornLine,
    Waived,
    encoded,
    line_of,
    record_of,
)
from serving.promotion.replay import replay
from serving.promotion.tally import Tally
from tests.unit.serving.promotion.recorded import (
    NOON,
    Kept,
    Promotion,
    recorded,
    simulated,
    started,
)
from tests.unit.serving.promotion.test_judge import traffic
from tests.unit.serving.promotion.windows import blind, window

PODS = Rules(witnesses="average", seed="journal")
FACTS = st.builds(
    Facts,
    observed_weight=st.none() | st.integers(0, 100),
    override=st.none() | st.just(Override(who="kim", reason="ticket 12")),
    abort=st.just("") | st.just("kim: smells"),
    stable_capacity=st.floats(0.1, 2),
    approvals=st.just(()) | st.just((Approval(who="kim", reason="meant", gate="mirror"),)),
    changed=st.just("") | st.just("the configuration was changed"),
    accepted=st.none() | st.just(Acceptance(who="kim", reason="meant", config="sha256:2e")),
)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A whole journal: seven windows, three weights."""
    facts = {7: Facts(abort="kim: enough")}
    store = FileStore(tmp_path_factory.mktemp("journal") / "a.jsonl")
    Promotion(store, started(dwell_seconds=(15.0,) * 5), simulated(1, 9), facts).run()
    return Path(store.where).read_bytes()


def written(path: Path, content: bytes) -> FileStore:
    path.write_bytes(content)
    return FileStore(path)


def refusal(store: FileStore) -> JournalError:
    with pytest.raises(JournalError) as caught:
        list(records(store))
    return caught.value


@settings(max_examples=15)
@given(
    st.lists(traffic(), min_size=1, max_size=8),
    st.dictionaries(st.integers(1, 8), FACTS, max_size=2),
)
def test_every_promotion_replays_to_the_same_bytes(
    windows: list[Window], facts: dict[int, Facts]
) -> None:
    store = Kept()
    scripted = [partial(at_weight, each) for each in windows]
    Promotion(store, started(PODS), scripted, facts).run()
    result = replay(records(store))
    assert result.difference is None
    assert result.decisions >= 1
    assert result.same_engine


def at_weight(each: Window, weight: int) -> Window:
    return replace(each, weight=weight)


@settings(max_examples=25)
@given(st.data())
def test_killed_at_any_byte_it_resumes_to_the_same_journal(
    tmp_path_factory: pytest.TempPathFactory, short: bytes, data: st.DataObject
) -> None:
    first = short.index(b"\n") + 1
    at = data.draw(st.integers(first, len(short)))
    path = tmp_path_factory.mktemp("journal") / "a.jsonl"
    store = written(path, short[:at])
    facts = {7: Facts(abort="kim: enough")}
    begin = started(dwell_seconds=(15.0,) * 5)
    Promotion(store, begin, simulated(1, 9), facts).resume().run()
    assert path.read_bytes() == short
    kept = short[:at].rpartition(b"\n")[2]
    aside = list(path.parent.glob("*.torn-*"))
    assert [a.read_bytes() for a in aside] == ([kept] if kept and kept + b"\n" not in short else [])


def test_what_was_intended_before_the_kill_is_known_after_it(tmp_path: Path, short: bytes) -> None:
    at = short.index(b'"kind":"effect"')
    store = written(tmp_path / "a.jsonl", short[: short.rindex(b"\n", 0, at) + 1])
    promotion = Promotion(store, started(), simulated(1, 9)).resume()
    assert promotion.course is not None
    assert promotion.course.intent == Intent(action="weight", weight=5, fence=1)
    assert promotion.course.state.weight == 0


def test_an_effect_that_failed_leaves_the_weight_as_it_was(tmp_path: Path, short: bytes) -> None:
    at = short.index(b'"kind":"effect"')
    store = written(tmp_path / "a.jsonl", short[: short.rindex(b"\n", 0, at) + 1])
    promotion = Promotion(store, started(), simulated(1, 9)).resume()
    assert promotion.course is not None
    promotion.course.take(Effect(confirmed=False, detail="HTTP 503"))
    assert promotion.course.intent is None
    assert promotion.course.state.weight == 0


def test_cut_at_any_byte_of_the_last_line_the_rest_is_read_and_the_line_named(
    tmp_path: Path, short: bytes
) -> None:
    lines = short.splitlines(keepends=True)
    sound = len(short) - len(lines[-1])
    for cut in range(sound + 1, len(short) - 1):
        seen: list[Record] = []
        with pytest.raises(TornLine, match=f"line {len(lines)} is the last one and torn"):
            seen.extend(records(written(tmp_path / "a.jsonl", short[:cut])))
    assert len(list(records(written(tmp_path / "a.jsonl", short[:-1])))) == len(lines)


def test_one_flipped_bit_anywhere_is_refused_with_its_line(tmp_path: Path, short: bytes) -> None:
    draw = random.Random(4)
    for _ in range(300):
        at, bit = draw.randrange(len(short)), draw.randrange(8)
        changed = bytearray(short)
        changed[at] ^= 1 << bit
        error = refusal(written(tmp_path / "a.jsonl", bytes(changed)))
        assert not isinstance(error, TornLine)
        assert error.line == short[:at].count(b"\n") + 1


@pytest.mark.parametrize("how", ["swapped", "removed", "repeated"])
def test_lines_that_were_moved_removed_or_added_are_refused(
    tmp_path: Path, short: bytes, how: str
) -> None:
    lines = short.splitlines(keepends=True)
    changed = {
        "swapped": [*lines[:4], lines[5], lines[4], *lines[6:]],
        "removed": [*lines[:4], *lines[5:]],
        "repeated": [*lines[:4], lines[3], *lines[4:]],
    }[how]
    error = refusal(written(tmp_path / "a.jsonl", b"".join(changed)))
    assert error.line == 5
    assert "lines were moved, removed or added" in str(error)
    assert error.exit_code == 2


def test_a_line_rewritten_with_a_hash_of_its_own_breaks_the_next(
    tmp_path: Path, short: bytes
) -> None:
    lines = short.splitlines(keepends=True)
    third = json.loads(lines[2])
    forged = Waived(what="calibration", who="kim", reason="never said")
    lines[2], _ = line_of(3, third["at"], forged, third["previous"])
    assert refusal(written(tmp_path / "a.jsonl", b"".join(lines))).line == 4


def test_a_newer_format_is_refused_before_anything_else_is_read(
    tmp_path: Path, short: bytes
) -> None:
    newer = short.replace(f'"format":{FORMAT}'.encode(), b'"format":99', 1)
    assert "line 1 has format 99, newer than 1" in str(refusal(written(tmp_path / "a", newer)))


@pytest.mark.parametrize(
    "content", [b"[]\n", b"{}\n", b"1\n", b"\n", b"\xff\n", b"\x00" * 9, b"[" * 99_999 + b"\n"]
)
def test_what_is_no_journal_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    error = refusal(written(tmp_path / "a.jsonl", content))
    assert (error.line, str(error).count("\n")) == (1, 0)


def test_a_journal_that_does_not_begin_with_a_start_is_refused(tmp_path: Path) -> None:
    line, _ = line_of(1, "now", Effect(confirmed=True), GENESIS)
    assert "only the first line starts one" in str(refusal(written(tmp_path / "a.jsonl", line)))


def test_an_empty_or_missing_journal_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty"):
        list(records(written(tmp_path / "a.jsonl", b"")))
    with pytest.raises(InputError, match=r"cannot be read: No such file.*expected a journal"):
        list(records(FileStore(tmp_path / "absent.jsonl")))


def test_a_promotion_does_not_start_over_another_one(tmp_path: Path, short: bytes) -> None:
    store = written(tmp_path / "a.jsonl", short)
    with pytest.raises(Overtaken, match="is there already"):
        Promotion(store, started(), simulated(1, 9)).run()
    assert (tmp_path / "a.jsonl").read_bytes() == short
    assert os.listdir(tmp_path) == ["a.jsonl"]


def test_a_writer_notices_that_another_one_went_on(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "a.jsonl")
    journal = Journal(store, lambda: NOON)
    journal.append(started())
    other = Journal(FileStore(tmp_path / "a.jsonl"), lambda: NOON)
    other.resume(lambda record: None)
    other.append(Intent(action="weight", weight=5, fence=2))
    with pytest.raises(Overtaken, match="another process goes on with this promotion"):
        journal.append(Intent(action="weight", weight=5, fence=1))


def test_what_is_appended_is_what_will_be_read(tmp_path: Path) -> None:
    journal = Journal(FileStore(tmp_path / "a.jsonl"), lambda: NOON)
    bodies = [started(), Observed(window=blind()), Waived(what="w", who="é\u2028", reason="\ud800")]
    taken = [journal.append(body) for body in bodies]
    assert list(records(FileStore(tmp_path / "a.jsonl"))) == taken
    assert [record.body for record in taken[:2]] == bodies[:2]
    assert taken[2].body == Waived(what="w", who="é\u2028", reason="?")
    assert taken[-1].hash == journal.head


def test_evidence_is_recorded_to_the_sixth_place_so_that_other_machines_agree() -> None:
    course = Course(started())
    course.take(Observed(window=window(canary_errors=0.1)))
    harm = json.loads(encoded(course.decide()))["judgement"]["harm"]
    assert harm == round(course.judgement.harm, 6)
    assert harm != course.judgement.harm


def test_a_write_that_does_not_fit_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    journal = Journal(FileStore(path), lambda: NOON)
    journal.append(started())
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
        with pytest.raises(JournalUnwritable, match="nothing was done without its record"):
            journal.append(Intent(action="weight", weight=5, fence=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    journal.append(Intent(action="weight", weight=5, fence=1))
    assert len(list(records(FileStore(path)))) == 2


FULL_DISK = """
import sys
from pathlib import Path
from serving.promotion.journal import Journal, JournalUnwritable
from serving.promotion.journal_file import FileStore
from serving.promotion.record import Effect, Intent
from tests.unit.serving.promotion.recorded import NOON, started

folder, effects = Path(sys.argv[1]), 0
filler = folder / "filler"
filler.write_bytes(bytes(int(sys.argv[2])))
journal = Journal(FileStore(folder / "m" / "a.jsonl"), lambda: NOON)
try:
    journal.append(started())
    while True:
        journal.append(Intent(action="weight", weight=5, fence=1))
        effects += 1
        journal.append(Effect(confirmed=True))
except JournalUnwritable as error:
    print(effects, "No space left" in str(error))
filler.unlink()
files = sorted(p.name for p in folder.rglob("*") if p.is_file())
again, seen = Journal(FileStore(folder / "m" / "a.jsonl"), lambda: NOON), []
if files:
    again.resume(lambda record: seen.append(record.kind))
else:
    again.append(started())
again.append(Intent(action="weight", weight=5, fence=1))
print(files, seen.count("intent"))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("free_kb", [0, 8])
def test_on_a_full_disk_nothing_is_done_without_its_record(tmp_path: Path, free_kb: int) -> None:
    size = 64 << 10
    script = f"mount -t tmpfs -o size={size} tmpfs {tmp_path} && exec {sys.executable} - {tmp_path}"
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{script} {size - (free_kb << 10)}"],
        input=textwrap.dedent(FULL_DISK),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    if "mount:" in result.stderr:
        pytest.skip("this machine mounts nothing")
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.splitlines()
    effects, full = first.split()
    assert full == "True"
    files, _, intents = second.rpartition(" ")
    assert files == ("['a.jsonl']" if free_kb else "[]")
    assert int(intents) >= int(effects)


def test_reading_takes_no_more_memory_for_a_longer_journal(tmp_path: Path) -> None:
    peaks = []
    for count in (100, 600):
        path, previous = tmp_path / f"{count}.jsonl", GENESIS
        with path.open("wb") as stream:
            for number in range(1, count + 1):
                body = started() if number == 1 else Effect(confirmed=True)
                line, previous = line_of(number, "now", body, previous)
                stream.write(line)
        next(records(FileStore(path)))
        tracemalloc.start()
        assert sum(1 for _ in records(FileStore(path))) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2


def test_a_disk_that_cannot_sync_is_the_reason_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(FileStore(tmp_path / "a.jsonl"), lambda: NOON)
    journal.append(started())

    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(JournalUnwritable, match="Input/output error"):
        journal.append(Intent(action="weight", weight=5, fence=1))


def test_a_line_too_long_to_be_one_is_refused(tmp_path: Path) -> None:
    store = written(tmp_path / "a.jsonl", b"x" * (5 << 20))
    assert refusal(store).line == 1


def test_a_decision_that_was_changed_is_found_even_with_a_new_chain(
    tmp_path: Path, short: bytes
) -> None:
    previous, lines = GENESIS, []
    chained = GENESIS
    for number, line in enumerate(short.splitlines(keepends=True), 1):
        record = record_of(line, "short", number, previous)
        previous, body = record.hash, record.body
        if number == 3 and isinstance(body, Decided):
            body = replace(body, decision=replace(body.decision, reason="all is well"))
        forged, chained = line_of(number, record.at, body, chained)
        lines.append(forged)
    result = replay(records(written(tmp_path / "a.jsonl", b"".join(lines))))
    assert result.difference is not None
    assert result.difference.line == 3
    assert "all is well" in result.difference.recorded
    assert "on to 5 %" in result.difference.now


def test_a_recorded_promotion_comes_to_its_end(tmp_path: Path) -> None:
    good = recorded(tmp_path / "good", simulated(1, 200))
    bad = recorded(tmp_path / "bad", simulated(1, 200, errors=0.05, since=9))
    for store, outcome in ((good, "promoted"), (bad, "rolled back")):
        last = list(records(store))[-1].body
        assert getattr(last, "outcome", None) == outcome
        assert replay(records(store)).difference is None


def test_what_observing_remembers_is_read_back_as_it_was(tmp_path: Path) -> None:
    tally = Tally(until=7.25, weight=5, canary=3, accounts={"canary": Account(tries=4, served=4)})
    journal = Journal(FileStore(tmp_path / "a.jsonl"), lambda: NOON)
    journal.append(started())
    journal.append(Observed(window=window(), tally=tally))
    *_, last = records(FileStore(tmp_path / "a.jsonl"))
    assert last.body == Observed(window=window(), tally=tally)


def test_a_window_of_a_release_that_remembered_nothing_is_still_read() -> None:
    line, _ = line_of(2, "", Observed(window=window()), GENESIS)
    before = json.loads(line)["body"]
    del before["tally"]
    assert TypeAdapter(Observed).validate_python(before) == Observed(window=window())
