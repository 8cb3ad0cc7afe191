"""The record of a load: what was written is read, also while it is being written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from serving.errors import InputError
from serving.load import Reading, read
from serving.load.recording import Recording
from serving.load.tally import Slot, quantile
from tests.unit.serving.load.requests import ERROR, LOST, RIGHT, WRONG


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "load.jsonl"


def test_what_was_recorded_is_read(path: Path) -> None:
    recording = Recording(path, began=1000.5)
    for request in (RIGHT, WRONG, ERROR, LOST):
        recording.add(request)
    recording.close()
    load = read(path)
    assert load.began == 1000.5
    assert load.requests == [RIGHT, WRONG, ERROR, LOST]


def test_it_is_read_while_it_is_written_each_request_once(path: Path) -> None:
    reading = Reading(path)
    assert (reading.more(), reading.began) == ([], None)
    recording = Recording(path, began=7.0)
    recording.add(RIGHT)
    assert (reading.more(), reading.began) == ([], 7.0)
    recording.flush()
    assert reading.more() == [RIGHT]
    recording.add(LOST)
    recording.flush()
    assert reading.more() == [LOST]
    assert reading.more() == []
    recording.close()


def test_half_a_line_waits_for_its_other_half(path: Path) -> None:
    recording = Recording(path, began=0.0)
    recording.add(RIGHT)
    recording.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    reading = Reading(path)
    assert reading.more() == []
    path.write_bytes(whole)
    assert reading.more() == [RIGHT]


def test_an_older_record_is_not_written_over(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        Recording(path, began=0.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no record of a load"),
        ("", "there is no record of a load"),
        ("hello\n", "is not the record of a load that can be read here"),
        ('{"format": 2}\n', "is not the record of a load that can be read here"),
    ],
)
def test_what_is_no_record_is_said(path: Path, content: str | None, message: str) -> None:
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        read(path)


def test_a_damaged_line_is_said(path: Path) -> None:
    Recording(path, began=0.0).close()
    path.write_bytes(path.read_bytes() + b"[1,2]\n")
    with pytest.raises(InputError, match=r"is damaged: b'\[1,2\]'"):
        read(path)


def test_counts_are_by_time_model_and_version(path: Path) -> None:
    recording = Recording(path, began=0.0)
    for request in (RIGHT, WRONG, replace(RIGHT, due=10.0, ms=30.0), ERROR, LOST):
        recording.add(request)
    recording.close()
    tallies = read(path).tallies(seconds=5)
    assert {slot: dict(tally.outcomes) for slot, tally in tallies.items()} == {
        Slot(0, "digits", 1): {"right": 1, "wrong": 1},
        Slot(2, "digits", 1): {"right": 1},
        Slot(0, "digits", 2): {"error": 1},
        Slot(0, "digits", None): {"lost": 1},
    }
    first, lost = tallies[Slot(0, "digits", 1)], tallies[Slot(0, "digits", None)]
    assert (first.requests, first.bad, first.lost) == (2, 1, 0)
    assert (lost.requests, lost.bad, lost.lost) == (1, 0, 1)
    assert first.ms(0.5) == RIGHT.ms
    assert lost.ms(0.5) is None, "what nobody answered has no latency"


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 2.0), (0.51, 3.0), (0.99, 4.0), (1.0, 4.0)]
)
def test_a_quantile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], share) == expected
