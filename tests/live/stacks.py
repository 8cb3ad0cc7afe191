"""Local stacks of the tests: in folders of their own, brought down when the test is over."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from serving.local import control
from serving.local.project import Project, made
from serving.registry.folder import Folder
from serving.registry.folder_store import FolderStore
from serving.registry.model_file import read
from serving.registry.publish import Candidate, publish
from serving.stacks.local.place import Place
from serving.toolchain import cache
from tests.live import confined

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class LocalStack:
    place: Place

    @property
    def project(self) -> Project:
        return made(self.place)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SERVING_STATE": str(self.place.root.parent)}

    def publish(self, model: str, source: Path, *versions: int) -> None:
        """Of an example, into the store of this stack and into its own copy of the contract."""
        file = self.place.project / "platform" / "models" / f"{model}.yaml"
        for version in versions:
            candidate = Candidate(
                model=read(file),
                version=version,
                source=Folder(source / model / str(version)),
                origin="the tests",
                created=datetime.now(UTC).replace(microsecond=0),
            )
            publish(candidate, FolderStore(self.place.store))

    def configure(self, **values: Any) -> None:
        """As a person would, with an editor; None takes a setting out."""
        document = yaml.safe_load(self.project.file.read_text(encoding="utf-8"))
        config = document["config"] | {f"serving:{name}": value for name, value in values.items()}
        document["config"] = {key: value for key, value in config.items() if value is not None}
        self.project.file.write_text(yaml.safe_dump(document), encoding="utf-8")

    def up(self) -> list[str]:
        """What was changed, as people are told."""
        told: list[str] = []
        control.up(self.place, told.append)
        return told

    def serving(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "serving.cli", *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )

    def serving_confined(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Without a home, and where the kernel can say so, without leave to write elsewhere."""
        state = str(self.place.root.parent)
        command = [sys.executable, "-m", "serving.cli", *arguments]
        if confined.version() > 0:
            command = [sys.executable, "-m", confined.__name__, state, "/dev", "--", *command]
        bare = {"PATH": os.environ["PATH"], "SERVING_STATE": state, "TMPDIR": state}
        nowhere = {"HOME": "/proc/nowhere", "SERVING_CACHE": str(cache.home())}
        return subprocess.run(
            command, env=bare | nowhere, cwd=ROOT, capture_output=True, text=True, check=False
        )


@contextmanager
def local_stack(
    folder: Path, name: str = "local", contracts: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[LocalStack]:
    """With contracts of its own: the example's, where `contracts` (by model) says nothing else."""
    os.environ["SERVING_STATE"] = str(folder)
    stack = LocalStack(Place(folder / name))
    project = made(stack.place)
    platform = project.folder / "platform"
    for kind in ("models", "tenants"):
        (platform / kind).mkdir(parents=True)
        for file in (ROOT / "platform" / kind).glob("*.yaml"):
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
            document |= (contracts or {}).get(file.stem, {})
            text = yaml.safe_dump(document, sort_keys=False)
            (platform / kind / file.name).write_text(text, encoding="utf-8")
    stack.configure(catalog=str(platform))
    try:
        yield stack
    finally:
        control.down(stack.place, purge=True)
