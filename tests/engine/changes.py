"""What each setting of an AWS stack touches: the table in `changes.yaml`, and a stack to try it on.

The stack is prod with everything that a setting can bring. Resources are told by kind and name;
components, which are nothing in a cloud, are left out.
"""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pulumi import automation as auto

from serving.contract.check import load
from serving.contract.model import contract_digest
from tests.engine.conftest import ROOT, Engine, Steps

STACK: Final = "prod"
GONE: Final = "gone"
UNHEARD: Final = "invoke transform: rpc error: code = Unavailable"
OPERATIONS: Final = {
    "creates": "create",
    "updates": "update",
    "deletes": "delete",
    "replaces": "create-replacement",
}

T = TypeVar("T")

Touched = frozenset[tuple[str, str]]
"""`Kind name`, and what is done to it."""


@dataclass(frozen=True, kw_only=True)
class Change:
    setting: str
    values: Mapping[str, Any]
    """By the path of each setting that changes; more than one where one alone makes no sense."""
    touched: Touched
    apart_from: frozenset[str] = frozenset()
    """Settings that touch other resources where both are changed."""

    @property
    def resources(self) -> frozenset[str]:
        return frozenset(resource for resource, _ in self.touched)

    def made(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = copy.deepcopy(dict(settings))
        for path, value in self.values.items():
            *above, last = path.split(".")
            section = changed
            for key in above:
                section = section[key]
            if value == GONE:
                del section[last]
            else:
                section[last] = value
        return changed


@dataclass(frozen=True, kw_only=True)
class Table:
    base: Mapping[str, Any]
    changes: Sequence[Change]
    exceptions: Mapping[str, str]
    """Settings that are not in the table, with the reason."""


@cache
def table() -> Table:
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    described = yaml.safe_load(text)
    file = yaml.safe_load((ROOT / f"Pulumi.{STACK}.yaml").read_text(encoding="utf-8"))
    prod = {key.removeprefix("serving:"): value for key, value in file["config"].items()}
    more = described["base"]
    return Table(
        base={**prod, **more, "pools": {**prod["pools"], **more["pools"]}},
        changes=[_change(row) for row in described["changes"]],
        exceptions=described["exceptions"],
    )


def _change(row: Mapping[str, Any]) -> Change:
    unknown = row.keys() - {"setting", "to", "beside", "apart_from", *OPERATIONS}
    assert not unknown, f"{row['setting']}: {unknown}"
    touched = {
        (f"{kind} {name}", operation)
        for key, operation in OPERATIONS.items()
        for kind, names in row.get(key, {}).items()
        for word in names.split()
        for name in _spelled_out(word)
    }
    values = {row["setting"]: row["to"], **row.get("beside", {})}
    return Change(
        setting=row["setting"],
        values=values,
        touched=frozenset(touched),
        apart_from=frozenset(row.get("apart_from", ())),
    )


def _spelled_out(word: str) -> Iterator[str]:
    """`x-{a,b}` is `x-a` and `x-b`."""
    if found := re.fullmatch(r"(.*)\{(.*)\}(.*)", word):
        yield from (f"{found[1]}{each}{found[3]}" for each in found[2].split(","))
    else:
        yield word


def resource_in(urn: str) -> str | None:
    """None for components."""
    types, name = urn.rsplit("::", 2)[1:]
    type_ = types.rpartition("$")[2]
    return None if ":index:" in type_ else f"{re.split('[/:]', type_)[-1]} {name}"


def together(changes: Sequence[Change]) -> Sequence[Sequence[Change]]:
    """In as few groups as come easily. No two of a group touch the same resource or have to do with
    the same setting, so each resource in what the engine says is of one change alone."""
    groups: list[list[Change]] = []
    for change in changes:
        free = [group for group in groups if not any(_meet(change, other) for other in group)]
        if free:
            min(free, key=len).append(change)
        else:
            groups.append([change])
    return groups


def _meet(one: Change, other: Change) -> bool:
    if one.resources & other.resources:
        return True
    if one.setting in other.apart_from or other.setting in one.apart_from:
        return True
    paths = [(f"{a}.", f"{b}.") for a in one.values for b in other.values]
    return any(a.startswith(b) or b.startswith(a) for a, b in paths)


@dataclass(frozen=True)
class Trial:
    """The stack with everything, as it was deployed."""

    engine: Engine
    stack: auto.Stack

    @classmethod
    def deployed(cls, engine: Engine) -> Trial:
        """The working directory must be the engine's folder: the settings name catalogues in it."""
        _catalogs(engine.folder)
        trial = cls(engine, engine.stack(STACK))
        trial.configure(table().base)
        heard(trial.stack.up)
        return trial

    def configure(self, settings: Mapping[str, Any]) -> None:
        file = self.engine.project(STACK) / f"Pulumi.{STACK}.yaml"
        config = {f"serving:{key}": value for key, value in settings.items()}
        file.write_text(yaml.safe_dump({"config": config}), encoding="utf-8")

    def touched(self, changes: Sequence[Change]) -> Touched:
        """By a preview."""
        settings: Mapping[str, Any] = table().base
        for change in changes:
            settings = change.made(settings)
        self.configure(settings)
        try:
            steps = heard(self._previewed)
        finally:
            self.configure(table().base)
        found = ((resource_in(urn), operation) for urn, operation in steps.operations.items())
        return frozenset((name, step) for name, step in found if name and step != "same")

    def _previewed(self) -> Steps:
        steps = Steps()
        self.stack.preview(on_event=steps)
        return steps


def heard(run: Callable[[], T]) -> T:
    """Once in a while an engine finds nobody at the port of a program's transforms, though they
    listen in this very process (pulumi 3.272.0; never seen where a process has one program). That
    says nothing about the stack, and is asked again, once."""
    try:
        return run()
    except auto.CommandError as error:
        if UNHEARD not in str(error):
            raise
    return run()


def _catalogs(folder: Path) -> None:
    """Two: with a model that has versions, and with one more tenant."""
    for name in ("catalog", "wider"):
        for kind in ("models", "tenants"):
            shutil.copytree(ROOT / "platform" / kind, folder / name / kind)
        file = folder / name / "models" / "digits.yaml"
        described = yaml.safe_load(file.read_text(encoding="utf-8"))
        contract = contract_digest(load(file), 1)
        described["versions"] = {
            number: {
                "source": "somewhere",
                "digest": f"sha256:{64 * '1'}",
                "contract": contract,
            }
            for number in (1, 2, 3)
        }
        file.write_text(yaml.safe_dump(described), encoding="utf-8")
    tenants = folder / "wider" / "tenants"
    shop = (tenants / "shop.yaml").read_text(encoding="utf-8")
    (tenants / "audio.yaml").write_text(shop.replace("shop", "audio"), encoding="utf-8")
