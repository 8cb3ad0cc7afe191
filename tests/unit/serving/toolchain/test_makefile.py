"""The targets people type."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from serving.toolchain.interpreter import SUPPORTED
from serving.toolchain.recipe import CHECKOUT
from serving.toolchain.setup import GROUPS

MAKEFILE = (CHECKOUT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)


def make(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=CHECKOUT,
        env={"PATH": str(path or os.environ["PATH"])},  # not that of a make around the tests
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def python(folder: Path, name: str, major: int, minor: int) -> None:
    """One that pretends to have a version, and runs the rest for real."""
    code = f"import sys; sys.version_info = ({major}, {minor}); exec(sys.argv.pop(1))"
    program = folder / name
    program.write_text(f"#!/bin/sh\nshift; exec {sys.executable} -c '{code}' \"$@\"\n")
    program.chmod(0o755)


def test_help_lists_every_target_with_one_line() -> None:
    listed = [line.split(maxsplit=1) for line in make("help").stdout.splitlines()]
    assert [target for target, _ in listed] == TARGETS
    assert len(TARGETS) <= 14


def test_every_group_is_one_of_the_toolchain() -> None:
    named = re.findall(r"\$\(TOOLCHAIN\) setup ([a-z ]+)", MAKEFILE)
    assert named
    assert {group for line in named for group in line.split()} <= set(GROUPS)


@pytest.mark.parametrize("versions", [{"python3": (3, 10)}, {"python3": (3, 14)}, {}])
def test_no_supported_python_is_one_sentence(
    tmp_path: Path, versions: dict[str, tuple[int, int]]
) -> None:
    for name, version in versions.items():
        python(tmp_path, name, *version)
    for program in ("make", "sh"):
        (tmp_path / program).symlink_to(Path("/usr/bin") / program)
    answer = make("--dry-run", "test-unit", path=tmp_path)
    assert answer.returncode == 2
    assert "no Python 3.11, 3.12 or 3.13 on PATH: install one, then repeat" in answer.stderr


@pytest.mark.parametrize(("major", "minor"), SUPPORTED)
def test_a_supported_python_is_found_behind_one_that_is_not(
    tmp_path: Path, major: int, minor: int
) -> None:
    python(tmp_path, "python3", 3, 10)
    python(tmp_path, f"python3.{minor}", major, minor)
    for program in ("make", "sh"):
        (tmp_path / program).symlink_to(Path("/usr/bin") / program)
    answer = make("--dry-run", "test-unit", path=tmp_path)
    assert f"PYTHONPATH=platform python3.{minor} -m serving.toolchain setup unit" in answer.stdout
