"""Which versions may go: not the newest ones, and none that a stack's releases name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serving.contract.document import read
from serving.contract.repository import version_number
from serving.errors import InputError
from serving.registry.store import Store

MIN_KEPT: Final = 3
_ROLES: Final = ("stable", "canary", "previous")


@dataclass(frozen=True, kw_only=True)
class Plan:
    model: str
    keep: Mapping[int, str]
    """Version → why."""
    remove: Sequence[int]


def plan(store: Store, model: str, *, keep: int, stacks: Path) -> Plan:
    """What `remove` of the store is to be told."""
    if keep < MIN_KEPT:
        raise InputError(f"--keep: got {keep}, expected ≥ {MIN_KEPT}: rollback needs earlier ones")
    found = sorted(number for name in store.versions(model) if (number := version_number(name)))
    if not found:
        raise InputError(f"{store.where} holds no version of {model}")
    named = released(model, stacks)
    newest = found[-keep:]
    reasons = {
        version: named.get(version) or f"one of the newest {keep}"
        for version in found
        if version in newest or version in named
    }
    remove = [version for version in found if version not in reasons]
    return Plan(model=model, keep=reasons, remove=remove)


def released(model: str, stacks: Path) -> Mapping[int, str]:
    """Version → where it is named, from the releases of every stack in the folder."""
    files = sorted(stacks.glob("Pulumi.*.yaml"))
    if not files:
        raise InputError(f"--stacks {stacks}: holds no Pulumi.<stack>.yaml, so none can be spared")
    found: dict[int, str] = {}
    for file in files:
        for version, role in _release(file, model):
            found.setdefault(version, f"{role} in {file.name}")
    return found


def _release(file: Path, model: str) -> Sequence[tuple[int, str]]:
    document = read(file)
    release: object = document.data
    for key in ("config", "serving:releases", model):
        if not isinstance(release, dict):
            raise InputError(f"{file}: expected a mapping around {key}")
        release = release.get(key)
        if release is None:
            return []
    if not isinstance(release, dict):
        raise InputError(f"{file}: serving:releases.{model}: expected a mapping")
    versions = [(release[role], role) for role in _ROLES if release.get(role) is not None]
    for version, role in versions:
        if not isinstance(version, int):
            raise InputError(f"{file}: serving:releases.{model}.{role}: expected a version number")
    return versions
