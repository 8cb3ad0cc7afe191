"""The version that a program tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.toolchain.version import ask, numbers, told

PART = st.integers(0, 9999)


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("go version go1.26.8 linux/amd64", "1.26.8"),
        ("v3.259.0", "3.259.0"),
        ("uv 0.13.8 (x86_64-unknown-linux-gnu)", "0.13.8"),
        ("prometheus, version 2.42.0+ds (branch: debian/sid, revision: 2.42.0+ds-5)", "2.42.0"),
        ("mlflow, version 3.17.2", "3.17.2"),
        ("Python 3.11.7", "3.11.7"),
        ("go version go1.27rc1 linux/amd64", "1.27"),
        ("no digits here", None),
    ],
)
def test_it_is_read_from_what_programs_print(line: str, version: str | None) -> None:
    assert told(line) == version


def test_the_path_a_program_prints_is_not_its_version(
    on_path: Callable[[str, str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "release-9.9.9"
    folder.mkdir()
    program = folder / "envoy"
    program.write_text('#!/bin/sh\necho "$0  version: 5fe2/1.40.0/Clean/RELEASE/BoringSSL"\n')
    program.chmod(0o755)
    assert ask(program, "--version") == "1.40.0"


@pytest.mark.parametrize("script", ["exit 1", "echo 1.0.0; exit 1", "kill -9 $$"])
def test_a_program_that_fails_tells_none(tmp_path: Path, script: str) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert ask(program, "--version") is None


def test_a_program_that_is_not_there_tells_none(tmp_path: Path) -> None:
    assert ask(tmp_path / "program", "--version") is None


@given(parts=st.tuples(PART, PART, PART), other=st.tuples(PART, PART, PART))
def test_versions_are_ordered_as_numbers(
    parts: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    one, two = (told(f"thing {'.'.join(map(str, each))} (abc)") for each in (parts, other))
    assert one is not None
    assert two is not None
    assert (numbers(one) < numbers(two)) == (parts < other)
