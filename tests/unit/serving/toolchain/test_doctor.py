"""`serving doctor` finds what is wrong and says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from serving.cli.doctor import doctor
from serving.toolchain import cache, programs
from serving.toolchain.programs import PROGRAMS, Program
from serving.toolchain.progress import Progress

from .recipes import nothing, shell

OnPath = Callable[[str, str], Path]

app = typer.Typer()
app.command()(doctor)


def examine() -> tuple[int, dict[str, dict[str, Any]]]:
    answer = CliRunner().invoke(app, ["--json"])
    return answer.exit_code, {each["name"]: each for each in json.loads(answer.stdout)}


def offer(monkeypatch: pytest.MonkeyPatch, script: str) -> Program:
    """Build one program, the only one there is, from a script that writes it."""
    recipe = shell(f"mkdir bin; printf '{script}' > bin/thing; chmod +x bin/thing")
    program = Program(name="thing", recipe=recipe, at="bin/thing", floor=(1, 0))
    monkeypatch.setattr(programs, "PROGRAMS", (program,))
    monkeypatch.setattr("serving.toolchain.survey.PROGRAMS", (program,))
    cache.ensure(recipe, Progress(), nothing)
    return program


def test_every_program_is_examined(on_path: OnPath) -> None:
    _, found = examine()
    assert list(found) == [
        *("machine", "environment", "policies"),
        *(program.name for program in PROGRAMS),
    ]


def test_what_the_demo_needs_and_lacks_is_wrong(on_path: OnPath) -> None:
    code, found = examine()
    assert code == 1
    assert found["envoy"]["state"] == "wrong"
    assert "run `make setup`" in found["envoy"]["remark"]
    assert found["mlflow"]["state"] == found["actionlint"]["state"] == "absent"


def test_a_program_on_path_is_shown_with_its_version(on_path: OnPath) -> None:
    path = on_path("uv", "uv 0.9.1")
    _, found = examine()
    assert found["uv"] == {
        "name": "uv",
        "state": "good",
        "version": "0.9.1",
        "origin": "PATH",
        "path": str(path),
        "days": None,
        "remark": "",
    }


def test_a_built_program_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "#!/bin/sh\\necho thing 1.0\\n")
    _, found = examine()
    assert (found["thing"]["state"], found["thing"]["origin"]) == ("good", "a script")
    assert found["thing"]["days"] == 0


@pytest.mark.parametrize(
    ("script", "remark"),
    [
        ("#!/no/such/shell\\n", "asked for its version it said nothing: remove "),
        ("#!/bin/sh\\necho thing 0.9\\n", "asked for its version it said 0.9: remove "),
    ],
)
def test_a_built_program_that_does_not_work_is_wrong(
    monkeypatch: pytest.MonkeyPatch, script: str, remark: str
) -> None:
    offer(monkeypatch, script)
    code, found = examine()
    assert code == 1
    assert found["thing"]["state"] == "wrong"
    assert found["thing"]["remark"].startswith(remark)


def test_a_built_program_that_was_removed_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    program = offer(monkeypatch, "#!/bin/sh\\necho thing 1.0\\n")
    programs.locate(program.name).path.unlink()
    assert "is gone: remove" in examine()[1]["thing"]["remark"]


def test_an_old_program_on_path_is_named(on_path: OnPath, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as usual:
        usual.setenv("PATH", "/usr/bin:/bin")
        offer(monkeypatch, "#!/bin/sh\\necho thing 1.0\\n")
    old = on_path("thing", "thing 0.1")
    _, found = examine()
    assert found["thing"]["state"] == "good"
    assert found["thing"]["remark"] == f"{old} is not used: older than 1.0"


def test_people_get_a_table_and_the_remarks(on_path: OnPath) -> None:
    answer = CliRunner().invoke(app, [])
    assert answer.exit_code == 1
    assert "envoy: envoy is not set up in" in answer.stdout
