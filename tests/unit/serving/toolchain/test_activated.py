"""`pulumi` in the checkout's environment: the engine that was set up, unless PATH has one."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from serving.toolchain import ToolMissing, activated, cache, locate, programs
from serving.toolchain.environment import PROJECT
from serving.toolchain.programs import Program
from serving.toolchain.progress import Progress
from serving.toolchain.recipe import Built, Recipe, Workshop

from .recipes import nothing

OnPath = Callable[[str, str], Path]

ENGINE, HOST = "pulumi", "pulumi-language-python"
TELLS = f'#!/bin/sh\necho "$#: $*"\ncommand -v {HOST}\n'


@pytest.fixture(autouse=True)
def empty_path(on_path: OnPath) -> None: ...


@pytest.fixture
def binaries(tmp_path: Path) -> Path:
    folder = tmp_path / "an environment" / "bin"
    folder.mkdir(parents=True)
    return folder


def build(shop: Workshop) -> Built:
    for name, text in ((ENGINE, TELLS), (HOST, "")):
        program = shop.folder / "apart" / name / name
        program.parent.mkdir(parents=True)
        program.write_text(text)
        program.chmod(0o755)
    return Built("a script", {ENGINE: "3.259.0", HOST: "3.79.0"})


def built(monkeypatch: pytest.MonkeyPatch, revision: int = 1) -> Path:
    """Make an engine and its host, apart from one another, and return the host."""
    recipe = Recipe(
        name=ENGINE, doing="", usual="", files=(), build=build, revision=revision, machine=str
    )
    table = (
        Program(name=ENGINE, recipe=recipe, at=f"apart/{ENGINE}/{ENGINE}", floor=(3, 259)),
        Program(name=HOST, recipe=recipe, at=f"apart/{HOST}/{HOST}", floor=(3, 259), asks=None),
    )
    monkeypatch.setattr(programs, "PROGRAMS", table)
    cache.ensure(recipe, Progress(io.StringIO()), nothing)
    return locate(HOST).path


def said(binaries: Path) -> list[str]:
    command = [str(binaries / ENGINE), "up", "--message", "two words"]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=True
    ).stdout.splitlines()


def test_it_starts_the_engine_and_lets_it_find_its_host(
    binaries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVING_CACHE", str(tmp_path / "a 'cache'"))
    host = built(monkeypatch)
    activated.put(binaries)
    assert said(binaries) == ["3: up --message two words", str(host)]
    assert [each.name for each in binaries.iterdir()] == [ENGINE]


def test_it_is_written_once(binaries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built(monkeypatch)
    activated.put(binaries)
    before = (binaries / ENGINE).stat()
    activated.put(binaries)
    assert (binaries / ENGINE).stat() == before


def test_it_follows_to_another_build(binaries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = built(monkeypatch)
    activated.put(binaries)
    second = built(monkeypatch, revision=2)
    activated.put(binaries)
    assert first != second
    assert said(binaries)[1] == str(second)


def test_an_engine_on_path_is_left_to_be_found(
    binaries: Path, on_path: OnPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(monkeypatch)
    activated.put(binaries)
    on_path(ENGINE, "v3.300.0")
    on_path(HOST, "")
    for _ in range(2):
        activated.put(binaries)
        assert list(binaries.iterdir()) == []


def test_an_engine_on_path_that_is_too_old_is_not(
    binaries: Path, on_path: OnPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = built(monkeypatch)
    on_path(ENGINE, "v3.100.0")
    on_path(HOST, "")
    activated.put(binaries)
    assert said(binaries)[1] == str(host)


def test_what_was_put_there_is_never_taken_for_one_on_path(
    tmp_path: Path, on_path: OnPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = replace(PROJECT, folder=tmp_path)
    monkeypatch.setattr(programs, "PROJECT", environment)
    environment.binaries.mkdir()
    monkeypatch.setenv("PATH", f"{environment.binaries}:{tmp_path / 'path'}")
    ours = [
        on_path(name, "v3.300.0").rename(environment.binaries / name) for name in (ENGINE, HOST)
    ]
    assert [shutil.which(each.name) for each in ours] == [str(each) for each in ours]
    with pytest.raises(ToolMissing):
        locate(ENGINE)
    theirs = [on_path(name, "v3.300.0") for name in (ENGINE, HOST)]
    assert [locate(each.name).path for each in theirs] == theirs
