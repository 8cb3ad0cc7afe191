"""The real engine with a file backend, and stand-ins for the cloud providers."""

from __future__ import annotations

import os
import runpy
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from pulumi import automation as auto

from serving.toolchain.programs import locate

ROOT: Final = Path(__file__).resolve().parents[2]

DOUBLES: Final = {
    "aws": ("tests.engine.double", "aws"),
    "eks": ("tests.engine.double_eks",),
    "kubernetes": ("tests.engine.double", "kubernetes"),
}


def main() -> None:
    """The program of this repository, as Pulumi runs it."""
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


@dataclass(frozen=True)
class Steps:
    """Hears from the engine what it does, or would do, to each resource."""

    operations: dict[str, str] = field(default_factory=dict)

    def __call__(self, event: auto.EngineEvent) -> None:
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            self.operations[step.urn] = str(step.op.value)

    def changes(self) -> dict[str, str]:
        """By `type::name`, of those that do not stay as they are."""
        return {
            urn.split("::", 2)[2]: operation
            for urn, operation in self.operations.items()
            if operation != "same"
        }


@dataclass(frozen=True)
class Engine:
    folder: Path

    def project(self, stack: str) -> Path:
        """The project's files in a folder of their own, so that `git status` stays clean."""
        folder = self.folder / stack
        if not folder.exists():
            folder.mkdir()
            for file in ("Pulumi.yaml", f"Pulumi.{stack}.yaml", "__main__.py"):
                shutil.copy(ROOT / file, folder)
        return folder

    def stack(self, name: str, program: Callable[[], None] = main) -> auto.Stack:
        workspace = auto.LocalWorkspace(work_dir=str(self.project(name)), program=program)
        return auto.Stack.create_or_select(name, workspace)


def state_of(stack: auto.Stack) -> list[dict[str, Any]]:
    resources = stack.export_stack().deployment.get("resources", [])
    return [resource for resource in resources if resource["type"] != "pulumi:pulumi:Stack"]


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    for package, command in DOUBLES.items():
        plugin = folder / f"pulumi-resource-{package}"
        start = shlex.join(["env", f"PYTHONPATH={path}", sys.executable, "-m", *command])
        plugin.write_text(f'#!/bin/sh\nexec {start} "$@"\n', encoding="utf-8")
        plugin.chmod(0o755)
    return folder


@pytest.fixture
def engine(plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    state = tmp_path / "state"
    state.mkdir()
    search = [str(plugins), str(locate("pulumi").path.parent), os.environ["PATH"]]
    for name, value in {
        "PATH": os.pathsep.join(search),
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return Engine(tmp_path)
