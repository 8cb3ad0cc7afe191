"""`serving demo` as a newcomer runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "serving.cli", "demo"]

pytestmark = pytest.mark.live


def test_it_ends_with_the_right_answer_over_both_protocols_and_leaves_the_checkout_alone() -> None:
    before = changes()
    run = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (truth,) = re.findall(r"A digit it has never seen, a (\d):", run.stdout)
    assert re.findall(r"^(http|grpc): (\d),", run.stdout, re.MULTILINE) == [
        ("http", truth),
        ("grpc", truth),
    ]
    assert changes() == before


def test_outside_of_the_repository_it_says_where_to_run_it(tmp_path: Path) -> None:
    run = subprocess.run(COMMAND, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr == (
        "platform/models/digits.yaml is not here: run the demo from the repository\n"
    )


def changes() -> str:
    command = ["git", "status", "--porcelain", "platform/models"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
