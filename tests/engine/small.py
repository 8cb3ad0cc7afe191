"""A stack small enough to be promoted in tests: servers and a route for each release."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml
from pulumi import automation as auto

from serving.errors import ServingError
from serving.promotion.stack import PulumiStack
from serving.settings import Release
from serving.stacks import config
from serving.stacks.deployed import deployed, refuse_stale

ROOT: Final = Path(__file__).resolve().parents[2]
STACK: Final = "dev"


class Thing(pulumi.CustomResource):
    def __init__(self, name: str, inputs: dict[str, Any], *after: Thing) -> None:
        # a route is changed before the servers that it no longer names are removed
        super().__init__(
            "folder:index:Thing", name, inputs, pulumi.ResourceOptions(depends_on=list(after))
        )


def program() -> None:
    """As `serving.stacks.program`, with things in place of what they are made of."""
    try:
        releases = config.read().releases
        refuse_stale(releases, deployed())
    except ServingError as error:
        raise pulumi.RunError(str(error)) from error
    for model, release in releases.items():
        named = (release.stable, release.canary, release.previous)
        servers = [Thing(f"{model}-{version}", {}) for version in named if version is not None]
        route = {"stable": release.stable, "canary": release.canary, "weight": release.weight}
        Thing(f"{model}-route", route, *servers)
    pulumi.export(
        "releases",
        {name: release.model_dump(exclude_none=True) for name, release in releases.items()},
    )


@dataclass(frozen=True)
class Place:
    """A backend, a cloud and checkouts of the project, in one folder."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def things(self) -> Path:
        return self.folder / "things"

    def found(self) -> dict[str, Any]:
        return {
            path.stem: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(self.things.glob("*.json"))
        }

    def find(self, resource: Mapping[str, Any]) -> str | None:
        name = str(resource["urn"]).rpartition("::")[2]
        return name if name in self.found() else None

    def weight(self, model: str) -> int:
        return int(self.found()[f"{model}-route"]["weight"])

    def checkout(self, name: str, releases: dict[str, Any] | None = None) -> Path:
        folder = self.folder / name
        if not folder.exists():
            folder.mkdir()
            described = yaml.safe_load((ROOT / f"Pulumi.{STACK}.yaml").read_text(encoding="utf-8"))
            file = folder / f"Pulumi.{STACK}.yaml"
            file.write_text(yaml.safe_dump(described), encoding="utf-8")
            project = {"name": "serving", "runtime": "python"}
            (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
        if releases is not None:
            self.configure(folder, releases)
        return folder

    def configure(self, folder: Path, releases: dict[str, Any]) -> None:
        """As a person would, with an editor."""
        file = folder / f"Pulumi.{STACK}.yaml"
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        values["config"]["serving:releases"] = releases
        file.write_text(yaml.safe_dump(values), encoding="utf-8")

    def stack(self, checkout: Path) -> auto.Stack:
        workspace = auto.LocalWorkspace(work_dir=str(checkout), program=program)
        return auto.Stack.create_or_select(STACK, workspace)


def place(folder: Path, plugins: Path) -> Place:
    """`plugins` must be on PATH."""
    made = Place(folder)
    made.state.mkdir(exist_ok=True)
    made.things.mkdir()
    plugins.mkdir()
    path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    command = [sys.executable, "-m", "tests.engine.double_folder", str(made.things)]
    start = shlex.join(["env", f"PYTHONPATH={path}", *command])
    plugin = plugins / "pulumi-resource-folder"
    plugin.write_text(f"#!/bin/sh\nexec {start}\n", encoding="utf-8")
    plugin.chmod(0o755)
    return made


if __name__ == "__main__":
    here = Place(Path(sys.argv[1]))
    mine = PulumiStack.select(STACK, here.checkout(sys.argv[2]), program, here.find)
    mine.apply({"digits": Release(stable=1, canary=2, weight=5)}, patience=0)
