"""A promotion that another process records, as it is watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.promotion.follow import PATIENCE, follow
from serving.promotion.journal_file import FileStore
from serving.promotion.record import Ended, JournalError
from tests.unit.serving.promotion.recorded import kept, simulated

LINES = kept(simulated(1, 200, errors=0.05, since=20)).kept


class Writer:
    """Appends some bytes at each look, and is at it until all is written."""

    def __init__(self, folder: Path, content: bytes, each: int, dies_after: int = 1 << 30) -> None:
        self.path = folder / "2.jsonl"
        self.left, self.each, self.dies_after = content, each, dies_after
        self.looks = 0
        self.heard: list[int] = []
        self.path.write_bytes(LINES[0])

    def sleep(self, seconds: float) -> None:
        self.looks += 1
        if self.looks > self.dies_after:
            return
        with self.path.open("ab") as stream:
            stream.write(self.left[: self.each])
        self.left = self.left[self.each :]

    def runs(self) -> bool:
        return bool(self.left) and self.looks <= self.dies_after

    def follow(self) -> Ended | None:
        return follow(
            FileStore(self.path),
            lambda course, record: self.heard.append(record.number),
            self.runs,
            self.sleep,
        )


def test_each_record_is_heard_once_however_it_is_cut_while_it_is_written(tmp_path: Path) -> None:
    writer = Writer(tmp_path, b"".join(LINES[1:]), each=3_000)
    ended = writer.follow()
    assert ended is not None
    assert ended.outcome == "rolled back"
    assert writer.heard == list(range(1, len(LINES) + 1))


def test_one_that_nobody_writes_any_more_is_left(tmp_path: Path) -> None:
    writer = Writer(tmp_path, b"".join(LINES[1:]), each=3_000, dies_after=4)
    assert writer.follow() is None
    assert 1 < len(writer.heard) < len(LINES)
    assert writer.looks <= 4 + PATIENCE + 1


def test_what_was_damaged_is_said(tmp_path: Path) -> None:
    writer = Writer(tmp_path, LINES[2], each=1 << 20)
    with pytest.raises(JournalError, match="line 2 does not follow"):
        writer.follow()
