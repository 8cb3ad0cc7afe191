"""Pulumi as a person types it, with the language host instead of the Automation API."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.toolchain import activated
from tests.engine.conftest import Engine, state_of
from tests.unit import stacks

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def path(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `. .venv/bin/activate`."""
    activated.put(tmp_path)
    search = [str(tmp_path), str(Path(sys.prefix) / "bin"), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(search))


def pulumi(project: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = ["pulumi", *args, "--non-interactive", "--color", "never"]
    return subprocess.run(
        command,
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", stacks.STACKS)
def test_a_preview_runs_the_program_of_the_project(engine: Engine, name: str) -> None:
    project = engine.project(name)
    (project / ".venv").symlink_to(sys.prefix)
    assert pulumi(project, "stack", "init", name).returncode == 0
    preview = pulumi(project, "preview", "--stack", name)
    assert preview.returncode == 0, preview.stdout
    assert f"serving-{name}" in preview.stdout


def test_destroying_prod_is_refused_before_anything_is_touched(engine: Engine) -> None:
    stack = engine.stack("prod")
    stack.up()
    before = state_of(stack)
    destroy = pulumi(engine.project("prod"), "destroy", "--stack", "prod", "--yes")
    assert destroy.returncode != 0
    assert "cannot be deleted" in destroy.stdout
    assert state_of(stack) == before
