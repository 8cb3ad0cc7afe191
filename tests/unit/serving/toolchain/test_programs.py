"""Where a program comes from: PATH if it will do, else the cache, else a clear refusal."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.toolchain import ToolMissing, cache, locate, programs
from serving.toolchain.environment import ENVIRONMENTS
from serving.toolchain.programs import PROGRAMS, Program, named
from serving.toolchain.progress import Progress
from serving.toolchain.recipe import CHECKOUT
from serving.toolchain.setup import GROUPS, obtain

from .recipes import nothing, shell

OnPath = Callable[[str, str], Path]


def built(monkeypatch: pytest.MonkeyPatch, **details: object) -> Program:
    recipe = shell("mkdir bin; echo '#!/bin/sh' > bin/thing; chmod +x bin/thing")
    program = Program(name="thing", recipe=recipe, at="bin/thing", **details)  # type: ignore[arg-type]
    monkeypatch.setattr(programs, "PROGRAMS", (program,))
    cache.ensure(recipe, Progress(io.StringIO()), nothing)
    return program


def test_what_is_not_set_up_names_the_target_that_does_it(on_path: OnPath) -> None:
    with pytest.raises(ToolMissing, match=r"envoy is not set up in .*: run `make setup`"):
        locate("envoy")


def test_a_recent_program_on_path_is_taken(on_path: OnPath) -> None:
    path = on_path("uv", "uv 0.9.1")
    tool = locate("uv")
    assert (tool.version, tool.path, tool.origin) == ("0.9.1", path, "PATH")


def test_an_old_program_on_path_is_not_taken(on_path: OnPath) -> None:
    on_path("go", "go version go1.19.8 linux/amd64")
    with pytest.raises(ToolMissing):
        locate("go")


def test_programs_of_one_recipe_come_from_path_together_or_not_at_all(on_path: OnPath) -> None:
    on_path("pulumi", "v3.300.0")
    with pytest.raises(ToolMissing):
        locate("pulumi")
    host = on_path("pulumi-language-python", "")
    assert locate("pulumi").version == "3.300.0"
    assert (locate("pulumi-language-python").path, locate("pulumi-language-python").version) == (
        host,
        "3.300.0",
    )


def test_a_program_that_is_never_taken_from_path_is_not(on_path: OnPath) -> None:
    on_path("envoy", "envoy 1.40.0")
    with pytest.raises(ToolMissing):
        locate("envoy")


def test_a_built_program_carries_what_every_start_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    built(
        monkeypatch,
        args=lambda folder: (f"--data={folder}",),
        env=lambda folder: {"THING_HOME": str(folder)},
    )
    tool = locate("thing")
    folder = tool.path.parents[1]
    assert (tool.version, tool.origin) == ("1.0", "a script")
    assert tool.command("--fast") == [str(tool.path), f"--data={folder}", "--fast"]
    assert tool.environment()["THING_HOME"] == str(folder)
    assert "PATH" in tool.environment()


def test_what_path_has_is_not_built(on_path: OnPath) -> None:
    path = on_path("uv", "uv 0.9.1")
    out = io.StringIO()
    assert obtain("uv", Progress(out)).path == path
    assert out.getvalue() == ""


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_what_decides_a_build_is_in_the_checkout(program: Program) -> None:
    assert program.recipe.files
    assert [file for file in program.recipe.files if not (CHECKOUT / file).is_file()] == []


def test_the_groups_name_known_programs() -> None:
    for names in GROUPS.values():
        programs_ = [name for name in names if name not in ENVIRONMENTS]
        assert [named(name).recipe.name for name in programs_] == programs_
