"""The Pulumi project of a local stack, and what its configuration says."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from serving.catalog import PLATFORM, Catalog
from serving.errors import InputError
from serving.settings import LocalSettings, Settings, parse
from serving.stacks.config import NAMESPACE
from serving.stacks.local.issuer import Issuer
from serving.stacks.local.place import Place
from serving.stacks.program import catalog_of

PROJECT = "Pulumi.yaml"
TEMPLATE = "Pulumi.local.yaml"
RELEASES = "releases"


@dataclass(frozen=True)
class Project:
    folder: Path
    stack: str

    @property
    def file(self) -> Path:
        return self.folder / f"Pulumi.{self.stack}.yaml"

    def settings(self) -> Settings:
        return parse(self._values(), self.file.name)

    def catalog(self) -> Catalog:
        return catalog_of(self.settings())

    def digest(self) -> str:
        """Of everything that people write."""
        values = {name: value for name, value in self._values().items() if name != RELEASES}
        text = json.dumps(values, sort_keys=True, default=str)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    def _values(self) -> Mapping[str, Any]:
        config = _read(self.file).get("config") or {}
        return {
            key.removeprefix(NAMESPACE): value
            for key, value in config.items()
            if key.startswith(NAMESPACE)
        }


def project_of(place: Place) -> Project:
    """Its own, in the state folder, or the checkout that we are in. Raises InputError."""
    for folder in (place.project, Path.cwd()):
        if (folder / PROJECT).is_file() and (folder / f"Pulumi.{place.name}.yaml").is_file():
            return Project(folder, place.name)
    raise InputError(
        f"there is no stack {place.name}: {place.project} was not made yet, and {Path.cwd()} has "
        f"no Pulumi.{place.name}.yaml; run `serving local up --stack {place.name}` first, or name "
        "another stack with --stack"
    )


def issuer_of(place: Place) -> Issuer:
    """The stack's own. Raises InputError where its gateway takes the tokens of another."""
    project = project_of(place)
    settings = project.settings()
    if isinstance(settings, LocalSettings) and settings.identity is not None:
        raise InputError(
            f"stack {place.name}: its gateway takes only tokens of {settings.identity.issuer}: get "
            f"one there, or remove serving:identity from {project.file} and run `serving local up "
            f"--stack {place.name}`"
        )
    return Issuer(place.keys)


def made(place: Place) -> Project:
    """A project in the state folder, so that promotions write into no checkout; kept if there."""
    project = Project(place.project, place.name)
    if not project.file.is_file():
        checkout = PLATFORM.parent
        described = _read(checkout / TEMPLATE)
        described.setdefault("config", {})[f"{NAMESPACE}catalog"] = str(PLATFORM)
        program = _read(checkout / PROJECT)
        # where Pulumi's own command finds the program
        program["main"] = str(checkout)
        program["runtime"]["options"]["virtualenv"] = sys.prefix
        place.project.mkdir(parents=True, exist_ok=True)
        for file, document in ((place.project / PROJECT, program), (project.file, described)):
            text = io.StringIO()
            YAML().dump(document, text)
            place.write(file, text.getvalue())
    return project


def _read(file: Path) -> dict[str, Any]:
    try:
        document = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (OSError, YAMLError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from None
    return dict(document or {})
