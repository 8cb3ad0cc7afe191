"""The toolchain as a new machine and a second clone meet it: real indexes, real programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serving.toolchain.recipe import CHECKOUT

pytestmark = pytest.mark.live

NOT_CLONED = shutil.ignore_patterns(
    ".venv", ".make", ".git", "__pycache__", ".*_cache", "htmlcov", "build"
)


def toolchain(
    *arguments: str, checkout: Path = CHECKOUT, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serving.toolchain", *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": "platform", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


def test_programs_are_had_from_package_indexes_into_an_empty_cache(tmp_path: Path) -> None:
    wanted = ("uv", "envoy", "tritonserver", "promtool")
    answer = toolchain("path", *wanted, SERVING_CACHE=str(tmp_path), PATH="/usr/bin:/bin")
    paths = dict(zip(wanted, answer.stdout.split(), strict=True))
    assert all(path.startswith(f"{tmp_path}/") for path in paths.values())
    assert "+ tritonserver: tritonserver 2." in answer.stderr
    for program in ("uv", "envoy", "promtool"):
        subprocess.run([paths[program], "--version"], capture_output=True, timeout=30, check=True)


def test_a_second_clone_takes_what_the_first_has_built(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(CHECKOUT, clone, ignore=NOT_CLONED)

    said = toolchain("setup", "live", checkout=clone).stderr
    assert [line.split(":")[0] for line in said.splitlines()] == ["> venv", "+ venv"]
    serving = [clone / ".venv" / "bin" / "serving", "model", "check"]
    subprocess.run(serving, cwd=clone, capture_output=True, timeout=60, check=True)
    typed = ["/bin/sh", "-c", ". .venv/bin/activate && pulumi version"]
    subprocess.run(typed, cwd=clone, capture_output=True, timeout=60, check=True)

    assert toolchain("setup", "live", checkout=clone).stderr == ""


def test_the_doctor_finds_this_machine_well() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "serving.cli", "doctor", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = json.loads(answer.stdout)
    assert [each for each in found if each["state"] == "wrong"] == []
    assert answer.returncode == 0
