"""The real engine with a file backend, and stand-ins for the cloud providers."""

from __future__ import annotations

import asyncio
import gc
import os
import runpy
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from pulumi import automation as auto
from pulumi.errors import RunError
from pulumi.runtime import settings
from pulumi.runtime._callbacks import _CallbackServicer

from serving.toolchain.programs import locate

ROOT: Final = Path(__file__).resolve().parents[2]
PACK: Final = ROOT / "policies"

DOUBLES: Final = {
    "aws": ("tests.engine.double", "aws"),
    "eks": ("tests.engine.double_eks",),
    "kubernetes": ("tests.engine.double", "kubernetes"),
}

WRITTEN_ONCE: Final = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}


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
class Verdicts:
    """Hears what the policy pack says, by rule and resource."""

    mandatory: set[tuple[str, str]] = field(default_factory=set)
    advisory: set[tuple[str, str]] = field(default_factory=set)
    undecided: set[str] = field(default_factory=set)

    def __call__(self, event: auto.EngineEvent) -> None:
        said = event.policy_event
        if said is None:
            return
        found = (said.policy_name, said.resource_urn.rpartition("::")[2])
        if "undecided: " in said.message:
            assert said.enforcement_level == "advisory", said.message
            self.undecided.add(said.policy_name)
        elif said.enforcement_level == "mandatory":
            self.mandatory.add(found)
        else:
            self.advisory.add(found)


def together(
    *heard: Callable[[auto.EngineEvent], None],
) -> Callable[[auto.EngineEvent], None]:
    def hear(event: auto.EngineEvent) -> None:
        for each in heard:
            each(event)

    return hear


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

    def stack(
        self, name: str, program: Callable[[], None] = main, *, written_once: bool = True
    ) -> auto.Stack:
        """Its state is written when an operation ends. After each of four hundred steps, as the
        engine does by itself, is needed only where it dies on the way, and takes three times as
        long."""
        workspace = auto.LocalWorkspace(
            work_dir=str(self.project(name)),
            program=program,
            env_vars=WRITTEN_ONCE if written_once else {},
        )
        return auto.Stack.create_or_select(name, workspace)


def state_of(stack: auto.Stack) -> list[dict[str, Any]]:
    resources = stack.export_stack().deployment.get("resources", [])
    return [resource for resource in resources if resource["type"] != "pulumi:pulumi:Stack"]


def install_doubles(folder: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    for package, command in DOUBLES.items():
        plugin = folder / f"pulumi-resource-{package}"
        start = shlex.join(["env", f"PYTHONPATH={path}", sys.executable, "-m", *command])
        plugin.write_text(f'#!/bin/sh\nexec {start} "$@"\n', encoding="utf-8")
        plugin.chmod(0o755)


def environment(folder: Path, plugins: Path) -> dict[str, str]:
    """A backend in `folder`, and in `plugins` what is asked instead of clouds."""
    state = folder / "state"
    state.mkdir()
    search = [str(plugins), str(locate("pulumi").path.parent), os.environ["PATH"]]
    return {
        "PATH": os.pathsep.join(search),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    install_doubles(folder)
    return folder


@pytest.fixture
def engine(plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    for name, value in environment(tmp_path, plugins).items():
        monkeypatch.setenv(name, value)
    return Engine(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def reasons() -> Iterator[None]:
    """Pulumi says of each connection that breaks that the monitor has ended, and not why."""
    silent = settings.grpc_error_to_exception

    def told(error: grpc.RpcError) -> Exception:
        said = silent(error)
        return RunError(f"{said}: {error.details()}") if isinstance(said, RunError) else said

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "grpc_error_to_exception", told)
        yield


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An engine that is killed, or that a policy stops, may be gone before the program has ended.
    Pulumi then fails to log to it, and leaves its event loop open (`automation/_server.py` of
    3.272.0), the server of its transforms, and its channel, which remembers for all later engines
    that the port is refused."""
    made: list[asyncio.AbstractEventLoop] = []
    new = asyncio.new_event_loop

    def noted() -> asyncio.AbstractEventLoop:
        made.append(new())
        return made[-1]

    reported = sys.unraisablehook

    def unraisable(what: sys.UnraisableHookArgs) -> None:
        if "run_in_stack" not in repr(what.object):  # its failure is told by the engine
            reported(what)

    monkeypatch.setattr(asyncio, "new_event_loop", noted)
    monkeypatch.setattr(sys, "unraisablehook", unraisable)
    yield
    for loop in made:
        while loop.is_running():
            time.sleep(0.05)
        if not loop.is_closed():
            loop.run_until_complete(_CallbackServicer.shutdown())
            loop.close()
    made.clear()
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    gc.collect()
