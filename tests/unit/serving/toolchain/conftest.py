"""A cache, a checkout's logs and a search path of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.toolchain import cache, programs


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SERVING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "CHECKOUT", tmp_path)
    programs.on_path.cache_clear()
    yield tmp_path
    programs.on_path.cache_clear()


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """A PATH that holds only programs that print one line."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name: str, line: str) -> Path:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{line}'\n")
        program.chmod(0o755)
        programs.on_path.cache_clear()
        return program

    return add
