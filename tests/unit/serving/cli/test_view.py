from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from serving.cli.view import showing
from serving.promotion.course import Course
from serving.promotion.journal import Store
from serving.promotion.record import Record
from tests.unit.serving.promotion.recorded import kept, simulated
from tests.unit.serving.promotion.told import told

ROWS, COLUMNS = 24, 80
ALTERNATE, BACK = b"\x1b[?1049h", b"\x1b[?1049l"
WATCHED = """
import time
from serving.cli.view import showing
from tests.unit.serving.promotion.recorded import kept, simulated
from tests.unit.serving.promotion.told import told

with showing() as heard:
    for each in told(kept(simulated(1, 200, errors=0.05, since=20))):
        heard(*each)
        time.sleep(0.02)
"""


def now(store: Store) -> Iterator[tuple[Course, Record]]:
    """As if it ran just now."""
    for course, record in told(store):
        yield course, replace(record, at=datetime.now(UTC).isoformat())


def test_without_a_terminal_what_changes_is_a_line_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with showing() as heard:
        for each in now(kept(simulated(1, 200))):
            heard(*each)
        lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(" ", 1)[1] == "digits 2 started: against version 1, by kim"
    assert sum(" advance: " in line for line in lines) == 6
    assert " promoted: at 100 %" in lines[-1]
    assert len(lines) < 40


def test_programs_get_a_document_for_each_record(capsys: pytest.CaptureFixture[str]) -> None:
    store = kept(simulated(1, 6))
    with showing(as_json=True) as heard:
        for each in now(store):
            heard(*each)
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["number"] for each in documents] == list(range(1, len(store.kept) + 1))


@pytest.mark.parametrize("as_json", [False, True])
def test_what_was_told_before_is_summed_up_in_its_last_line(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with showing(as_json=as_json) as heard:
        for each in told(kept(simulated(1, 200))):
            heard(*each)
        assert capsys.readouterr().out == ""
    (line,) = capsys.readouterr().out.splitlines()
    assert "promoted" in line


def test_a_second_promotion_of_the_model_is_told_afresh(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with showing() as heard:
        for each in (*now(kept(simulated(1, 200))), *now(kept(simulated(2, 200)))):
            heard(*each)
    assert capsys.readouterr().out.count("advance: 0 → 5 %") == 2


def test_on_a_terminal_the_picture_stands_still_and_the_last_one_stays() -> None:
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-c", WATCHED], stdout=inside, stderr=inside, env=environment
    )
    os.close(inside)
    seen = b""
    try:
        while more := os.read(terminal, 1 << 16):
            seen += more
    except OSError:  # how a terminal ends on Linux
        pass
    os.close(terminal)
    assert process.wait(30) == 0
    picture, _, after = seen.partition(ALTERNATE)[2].partition(BACK)
    frames = [frame for frame in picture.split(b"\x1b[H") if b"digits" in frame]
    assert frames
    assert {frame.count(b"\n") for frame in frames} == {ROWS - 1}
    assert b"\x1b[2K" not in picture
    assert "rolled back" in after.decode()
