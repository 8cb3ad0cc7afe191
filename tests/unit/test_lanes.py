"""How tests share the machine, by a few that write down who ran them, and how politely."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import lanes

CLOCK = ("tests/live/clock/test_one.py", "tests/live/clock/test_two.py")
LOAD = ("tests/live/load/test_three.py",)
OTHERS = ("tests/live/test_four.py", "tests/unit/test_five.py", "tests/unit/test_six.py")
TESTS = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number, request):
    row = [request.node.nodeid.partition(":")[0], os.environ["PYTEST_XDIST_WORKER"], os.nice(0)]
    with pathlib.Path("ran").open("a") as rows:
        print(*row, file=rows)
"""


@dataclass(frozen=True)
class Row:
    file: str
    worker: str
    niceness: int


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder = tmp_path_factory.mktemp("suite")
    shutil.copy(lanes.__file__, folder / "conftest.py")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    for name in (*CLOCK, *LOAD, *OTHERS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(TESTS)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "auto", "--no-loadscope-reorder"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    rows = (line.split() for line in (folder / "ran").read_text().splitlines())
    return [Row(file, worker, int(niceness)) for file, worker, niceness in rows]


def workers(ran: list[Row], *files: str) -> set[str]:
    return {row.worker for row in ran if row.file in files}


def test_each_file_and_each_lane_is_one_workers(ran: list[Row]) -> None:
    assert len(ran) == 4 * len({*CLOCK, *LOAD, *OTHERS})
    for files in (CLOCK, LOAD, *((file,) for file in OTHERS)):
        assert len(workers(ran, *files)) == 1
    assert workers(ran, *CLOCK) != workers(ran, *LOAD)


def test_all_others_yield_to_lanes(ran: list[Row]) -> None:
    own = os.nice(0)
    assert {row.niceness for row in ran if row.file in {*CLOCK, *LOAD}} == {own}
    polite = min(own + lanes.YIELDING, 19)
    assert {row.niceness for row in ran if row.file in OTHERS} == {polite}


def test_each_lane_has_tests() -> None:
    root = Path(__file__).parents[2]
    assert all(list((root / lane).glob("test_*.py")) for lane in lanes.LANES)
