"""What cannot work is refused in one sentence that says what would."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.toolchain import interpreter, machine


@pytest.mark.parametrize(
    ("system", "processor", "libc", "expected"),
    [
        ("Linux", "aarch64", "glibc 2.36", "this is Linux on aarch64; .* x86_64"),
        ("Darwin", "arm64", None, "this is Darwin on arm64"),
        ("Darwin", "x86_64", None, "this is Darwin on x86_64"),
        ("Linux", "x86_64", None, "this system has no glibc; .* glibc 2.35: use Debian 12"),
        ("Linux", "x86_64", "glibc 2.31", "this system has glibc 2.31; .* glibc 2.35"),
    ],
)
def test_another_platform_is_refused(
    system: str, processor: str, libc: str | None, expected: str
) -> None:
    with pytest.raises(ServingError, match=expected) as refusal:
        machine.refuse_platform(system, processor, libc)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("libc", ["glibc 2.35", "glibc 2.36", "glibc 2.100"])
def test_a_supported_platform_is_not_refused(libc: str) -> None:
    machine.refuse_platform("Linux", "x86_64", libc)


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_another_python_is_refused(version: tuple[int, int]) -> None:
    with pytest.raises(ServingError, match=r"Python 3\.1[04]; supported are 3\.11, 3\.12, 3\.13"):
        machine.refuse_python(version)


def test_a_full_disk_is_refused() -> None:
    with pytest.raises(ServingError, match=r"/cache has 0\.5 GiB free and set-up needs 6"):
        machine.refuse_full_disk(Path("/cache"), 2**29)


def test_the_interpreter_found_by_asking_is_the_one_that_runs() -> None:
    assert interpreter.describe(sys.executable) == interpreter.running()
    assert interpreter.running().path.exists()


def test_an_interpreter_that_does_not_start_is_none(tmp_path: Path) -> None:
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    assert interpreter.describe(str(broken)) is None
    assert interpreter.describe(str(tmp_path / "absent")) is None
