"""A local stack of the benchmark's own, with versions that answer as slowly as they are told to."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from serving.catalog import PLATFORM
from serving.local import control
from serving.local.project import made
from serving.promotion.stack import PulumiStack
from serving.registry.folder import Folder
from serving.registry.folder_store import FolderStore
from serving.registry.model_file import read
from serving.registry.publish import Candidate, publish
from serving.stacks.local.place import STATE, Place

MODEL: Final = "digits"
TENANT: Final = "vision"
ROOM: Final = 20
"""Models that the tenant may have."""
REQUESTS_PER_SECOND: Final = 100_000
"""That the tenant may send: its limit is looked at, and never reached."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    place: Place
    examples: Path

    @property
    def catalog(self) -> Path:
        return self.place.project / "platform"

    @property
    def stack(self) -> PulumiStack:
        return control.selected(self.place, made(self.place))

    def up(self) -> None:
        control.up(self.place)

    def publish(self, model: str, versions: Mapping[int, Path]) -> None:
        file = self.catalog / "models" / f"{model}.yaml"
        for version, source in versions.items():
            candidate = Candidate(
                model=read(file),
                version=version,
                source=Folder(source),
                origin="the benchmark",
                created=datetime.now(UTC).replace(microsecond=0),
            )
            publish(candidate, FolderStore(self.place.store))

    def slowed(self, milliseconds: int) -> Path:
        """The files of a good version that takes so much longer."""
        source = self.examples / f"slowed-{milliseconds}"
        shutil.copytree(self.examples / MODEL / "2", source, dirs_exist_ok=True)
        (source / "faults.json").write_text(json.dumps({"delay_ms": milliseconds}))
        return source

    def contract(self, model: str, like: str = MODEL, **changes: Any) -> None:
        """A contract of the catalog of this stack alone."""
        yaml = YAML(typ="safe")
        document = yaml.load((PLATFORM / "models" / f"{like}.yaml").read_text(encoding="utf-8"))
        file = self.catalog / "models" / f"{model}.yaml"
        with file.open("w", encoding="utf-8") as stream:
            YAML().dump({**document, "name": model, **changes}, stream)

    def one_by_one(self, instances: int) -> None:
        """Without batches it is the model that holds no more, and not what else runs here."""
        file = self.catalog / "models" / f"{MODEL}.yaml"
        runtime = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["runtime"]
        served = runtime["models"][MODEL]
        served |= {"batching": {"enabled": False}, "instances": {"count": instances}}
        self.contract(MODEL, runtime=runtime)

    def configure(self, **values: Any) -> None:
        file = made(self.place).file
        yaml = YAML()
        document = yaml.load(file.read_text(encoding="utf-8"))
        document["config"] |= {f"serving:{name}": value for name, value in values.items()}
        with file.open("w", encoding="utf-8") as stream:
            yaml.dump(document, stream)


@contextmanager
def bench(folder: Path, name: str, examples: Path, models: Sequence[str]) -> Iterator[Bench]:
    """With the contracts of these models, and every tenant; nothing of it is left afterwards."""
    os.environ[STATE] = str(folder)
    found = Bench(place=Place(folder / name), examples=examples)
    made(found.place)
    (found.catalog / "models").mkdir(parents=True)
    shutil.copytree(PLATFORM / "tenants", found.catalog / "tenants")
    _provide(found.catalog / "tenants" / f"{TENANT}.yaml")
    for model in models:
        found.contract(model, like=model)
    found.configure(catalog=str(found.catalog))
    try:
        yield found
    finally:
        control.down(found.place, purge=True)


def _provide(tenant: Path) -> None:
    document = YAML(typ="safe").load(tenant.read_text(encoding="utf-8"))
    document["quota"] = {"models": ROOM, "cpu": 4 * ROOM, "memory": f"{4 * ROOM}Gi"}
    document["requests_per_second"] = REQUESTS_PER_SECOND
    with tenant.open("w", encoding="utf-8") as stream:
        YAML().dump(document, stream)
