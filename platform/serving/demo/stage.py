"""What the demo plays on: trained versions, a store, and the project of a local stack."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy
from typing import Any, Final

from ruamel.yaml import YAML

from serving.catalog import PLATFORM
from serving.demo.scenario import MODEL, NEIGHBOUR
from serving.errors import InputError, ServingError
from serving.local.project import made
from serving.registry.folder import Folder
from serving.registry.folder_store import FolderStore
from serving.registry.manifest import Manifest
from serving.registry.model_file import read
from serving.registry.publish import Candidate, publish
from serving.registry.verify import verify
from serving.stacks.local.place import Place

MODELS: Final = (MODEL, NEIGHBOUR)
SLO: Final[Mapping[str, float]] = {"p50_ms": 50, "p99_ms": 250}
"""Room for two busy processors."""
ROLLOUT: Final[Mapping[str, Any]] = {"steps": [10, 50, 95], "min_step_seconds": 5}
REPLICA_RPS: Final[Mapping[str, float]] = {MODEL: 150, NEIGHBOUR: 50}
"""Well below what one server holds, and enough to test a first release in seconds."""


@dataclass(frozen=True, kw_only=True)
class Version:
    model: str
    number: int
    about: str
    manifest: Manifest


def require_checkout() -> None:
    """Raises InputError unless the current folder has what is trained."""
    if not Path("examples/build.py").exists():
        raise InputError(
            "examples/build.py is not here: run the demo from a checkout of the repository"
        )


def train(to: Path) -> Mapping[tuple[str, int], str]:
    """What the build says of each version."""
    command = [sys.executable, "-m", "examples.build", str(to), *MODELS]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise ServingError(f"`{' '.join(command)}` failed:\n{built.stderr.strip()}")
    about = {}
    for line in built.stdout.splitlines():
        name, _, said = line.partition(": ")
        model, _, number = name.partition(" ")
        about[model, int(number)] = said
    return about


def write_project(place: Place) -> None:
    """With a catalog of its own: the checkout is neither read nor written by its promotions."""
    catalog = place.project / "platform"
    for kind in ("models", "tenants"):
        (catalog / kind).mkdir(parents=True, exist_ok=True)
    for tenant in {_write_contract(catalog / "models", model) for model in MODELS}:
        copy(PLATFORM / "tenants" / f"{tenant}.yaml", catalog / "tenants")
    file = made(place).file
    yaml = YAML()
    document = yaml.load(file.read_text(encoding="utf-8"))
    document["config"]["serving:catalog"] = str(catalog)
    with file.open("w", encoding="utf-8") as stream:
        yaml.dump(document, stream)


def publish_all(
    place: Place, examples: Path, about: Mapping[tuple[str, int], str]
) -> Sequence[Version]:
    """Every version that was built, in order; then every byte is read again."""
    store = FolderStore(place.store)
    published = []
    for (model, number), said in about.items():
        candidate = Candidate(
            model=read(contract_file(place, model)),
            version=number,
            source=Folder(examples / model / f"{number}"),
            origin="the demo",
            created=datetime.now(UTC).replace(microsecond=0),
        )
        publish(candidate, store)
        manifest = verify(store, model, number)
        published.append(Version(model=model, number=number, about=said, manifest=manifest))
    return published


def contract_file(place: Place, model: str) -> Path:
    return place.project / "platform" / "models" / f"{model}.yaml"


def _write_contract(folder: Path, model: str) -> str:
    """Returns whose it is."""
    yaml = YAML()
    document = yaml.load((PLATFORM / "models" / f"{model}.yaml").read_text())
    document["slo"] = dict(SLO)
    document["rollout"] = dict(ROLLOUT)
    document["scaling"] = {"replica_rps": REPLICA_RPS[model]}
    with (folder / f"{model}.yaml").open("w") as stream:
        yaml.dump(document, stream)
    return str(document["tenant"])
