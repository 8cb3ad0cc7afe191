"""How tests share the machine: hooks of pytest and of pytest-xdist.

Each file is one worker's. What watches the clock lies in a lane: the files of one lane run one
after another, and all other tests yield the processors to them. They mostly wait, so their workers
come on top of one for each processor, and they begin first, as nothing else takes as long.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler import LoadFileScheduling

LANES: Final = ("tests/live/load/", "tests/live/clock/")
"""Under a load of their own, which takes most of one processor; and with next to none."""
YIELDING: Final = 10
"""What is added to the niceness of everything else."""
LAST: Final = "19"
"""Among sessions."""


class LaneOrFile(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid) or super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LaneOrFile:
    return LaneOrFile(config, log)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    return len(os.sched_getaffinity(0)) + len(LANES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=urgency)


def urgency(item: pytest.Item) -> int:
    """Least first; what takes long is not left for the end."""
    if name := lane(item.nodeid):
        return LANES.index(name)
    slow = any(item.get_closest_marker(tier) for tier in ("engine", "live"))
    return len(LANES) + (not slow)


def lane(nodeid: str) -> str | None:
    return next((lane for lane in LANES if nodeid.startswith(lane)), None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if hasattr(item.config, "workerinput") and lane(item.nodeid) is None:
        yield_to_lanes()


@cache
def yield_to_lanes() -> None:
    os.nice(YIELDING)
    # Linux shares processors out among sessions before it looks at processes, so this is one.
    os.setsid()
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(LAST, encoding="ascii")
