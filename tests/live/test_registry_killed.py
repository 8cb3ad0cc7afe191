"""A publisher that is killed: nothing half of it is seen, and the next run works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serving.registry.folder_store import FolderStore
from tests.unit.serving.registry.hostile_sources import FILES
from tests.unit.serving.registry.workplace import Workplace

pytestmark = pytest.mark.live

KILLED_AFTER = """
import os, sys
from contextlib import contextmanager
from pathlib import Path
from tests.unit.serving.registry.workplace import Workplace

left = int(sys.argv[2])

@contextmanager
def meter(what, total):
    def advance(size):
        global left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), 9)
    yield advance

Workplace(Path(sys.argv[1])).publish(meter=meter)
"""


@pytest.mark.parametrize("pieces", range(1, 13))
def test_a_killed_publisher_leaves_nothing_to_see_and_the_next_run_works(
    tmp_path: Path, pieces: int
) -> None:
    large = b"\x07" * (4 << 20)
    workplace = Workplace(tmp_path).set_up({**FILES, "weights/large.bin": large})
    code = [sys.executable, "-c", KILLED_AFTER, workplace.root, str(pieces)]
    path = os.pathsep.join(sys.path)
    died = subprocess.run(code, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert died.returncode == -signal.SIGKILL
    store = FolderStore(workplace.store)
    assert store.versions("digits") == []
    assert store.models() == []
    assert [*(workplace.store / "digits").glob(".aside-*")], "it was killed while it wrote"
    assert workplace.yaml.read_text() == workplace.text
    workplace.publish()
    workplace.verify()
    assert sorted(os.listdir(workplace.store / "digits")) == [".lock", "1"]
