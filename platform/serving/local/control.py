"""A local stack through Pulumi's Automation API: brought up, brought down, asked what it is."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import Any, Final

from pulumi import automation as auto
from semver import VersionInfo

from serving.errors import InputError
from serving.local.project import Project, made, project_of
from serving.promotion.lease import Busy, is_held
from serving.promotion.lease_store import lease_at
from serving.promotion.stack import PulumiStack
from serving.stacks.local import remains
from serving.stacks.local.place import Place
from serving.stacks.program import program
from serving.toolchain import Tool, locate

Tell = Callable[[str], None]
PATIENCE_SECONDS: Final = 120.0
"""For others who change the same stack."""


def up(place: Place, tell: Tell = lambda _: None) -> None:
    """Until everything is ready; what is there already stays as it is."""
    place.backend.mkdir(parents=True, exist_ok=True)
    _made(place, made(place), tell).apply({}, PATIENCE_SECONDS)


def down(place: Place, *, purge: bool = False, tell: Tell = lambda _: None) -> None:
    """Ends every process. The store and the journals stay, unless all of it is to go.

    Raises Busy while a promotion runs, whose next step would build it all again.
    """
    if place.root.exists() and not (place.backend.is_dir() or place.project.is_dir()):
        raise InputError(f"{place.root}: is no folder of a local stack, so nothing is done there")
    _refuse_promotions(place)
    try:
        if place.backend.is_dir():
            _made(place, project_of(place), tell).destroy(PATIENCE_SECONDS)
    finally:
        remains.end(place)  # whatever became of its state
    if purge:
        shutil.rmtree(place.root, ignore_errors=True)


def selected(place: Place, project: Project, tell: Tell = lambda _: None) -> PulumiStack:
    """Raises InputError where the stack was never brought up."""
    if not place.backend.is_dir():
        raise InputError(
            f"stack {place.name} is not there (its state folder would be {place.root}): "
            f"run `serving local up --stack {place.name}` first"
        )
    return PulumiStack.of(
        place.name, workspace(place, project), remains.find, **_options(project, tell)
    )


def _made(place: Place, project: Project, tell: Tell) -> PulumiStack:
    """Only people make a stack, a promotion never does."""
    stack = auto.Stack.create_or_select(place.name, workspace(place, project))
    return PulumiStack(stack, remains.find, **_options(project, tell))


def _options(project: Project, tell: Tell) -> dict[str, Any]:
    packs = project.settings().policy_packs
    return {"policy_packs": packs, "tell": tell, "on_event": _telling(tell)}


def _refuse_promotions(place: Place) -> None:
    for folder in sorted(place.leases.glob("*")):
        if is_held(lease_at(str(folder))):
            raise Busy(
                f"stack {place.name}: {folder.name} is being promoted; wait for its end, or "
                f"`serving promote abort {folder.name} --stack {place.name}`, then repeat"
            )


def workspace(place: Place, project: Project) -> auto.LocalWorkspace:
    engine = locate("pulumi")
    path = f"{engine.path.parent}{os.pathsep}{os.environ['PATH']}"
    return auto.LocalWorkspace(
        work_dir=str(project.folder),
        program=program,
        env_vars=environment(place) | {"PATH": path},
        pulumi_command=_Engine(engine),
    )


class _Engine(auto.PulumiCommand):
    """Pulumi's own would ask for its version first, which writes into the caller's home."""

    def __init__(self, tool: Tool) -> None:
        self.command = str(tool.path)
        self.version = VersionInfo.parse(tool.version)


def environment(place: Place) -> dict[str, str]:
    """What makes any Pulumi command work on this stack."""
    return {
        "PULUMI_BACKEND_URL": place.backend.as_uri(),
        "PULUMI_HOME": str(place.backend / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_PYTHON_CMD": sys.executable,
    }


def _telling(tell: Tell) -> Callable[[auto.EngineEvent], None]:
    def heard(event: auto.EngineEvent) -> None:
        done = event.res_outputs_event
        if done is None or done.metadata.op in ("same", "read"):
            return
        kind, _, name = done.metadata.urn.split("::", 2)[2].partition("::")
        if not kind.startswith("pulumi:"):
            tell(f"{done.metadata.op.value}d {kind.rpartition(':')[2]} {name}")

    return heard
