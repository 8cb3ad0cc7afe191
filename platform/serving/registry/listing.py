"""What a store holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from serving.contract.repository import version_number
from serving.errors import ServingError
from serving.registry.manifest import Manifest
from serving.registry.store import Store
from serving.registry.verify import read_manifest


@dataclass(frozen=True, kw_only=True)
class Row:
    model: str
    version: str
    manifest: Manifest | None
    problem: str | None = None
    """Why there is no manifest."""


def rows(store: Store, model: str | None = None) -> Iterator[Row]:
    """Every version by its manifest; its files are not looked at. What is broken is said."""
    for name in [model] if model else store.models():
        for version in sorted(store.versions(name), key=_order):
            yield _row(store, name, version)


def _order(version: str) -> tuple[float, str]:
    return version_number(version) or inf, version


def _row(store: Store, model: str, version: str) -> Row:
    number = version_number(version)
    if number is None:
        problem = "is not a version: expected a number such as 3"
        return Row(model=model, version=version, manifest=None, problem=problem)
    try:
        manifest = read_manifest(store.version(model, number), model, number)
    except ServingError as error:
        return Row(model=model, version=version, manifest=None, problem=f"{error}")
    return Row(model=model, version=version, manifest=manifest)
