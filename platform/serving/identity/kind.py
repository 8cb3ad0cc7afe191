"""What managing each kind of AWS resource takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

from serving.identity.document import ANY
from serving.identity.scope import PARTITION, Scope


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Actions, and what they are allowed on; see `data/resource_kinds.yaml`."""

    on: Sequence[str] = ()
    create: Sequence[str] = ()
    create_on: Sequence[str] = ()
    change: Sequence[str] = ()
    unnamed: Sequence[str] = ()
    bounded: Sequence[str] = ()
    read: Sequence[str] = ()
    look: Sequence[str] = ()

    @property
    def service(self) -> str:
        return [*self.change, *self.unnamed, *self.bounded][0].partition(":")[0]

    def arns(self, scope: Scope) -> list[str]:
        return [_arn(each, scope) for each in self.on]

    def new_arns(self, scope: Scope) -> list[str]:
        return [_arn(each, scope) for each in self.create_on or self.on]


@cache
def kinds() -> Mapping[str, Kind]:
    """By the type that Pulumi gives it."""
    text = (files("serving") / "data" / "resource_kinds.yaml").read_text(encoding="utf-8")
    data = YAML(typ="safe", pure=True).load(text)
    return {name: Kind(**fields) for name, fields in data.items()}


def _arn(written: str, scope: Scope) -> str:
    if written == ANY:
        return ANY
    service, _, resource = written.format(cluster=scope.cluster, region=scope.region).partition(":")
    match service:
        case "s3":
            return f"arn:{PARTITION}:s3:::{resource}"
        case "budgets" | "iam":
            return f"arn:{PARTITION}:{service}::{scope.account}:{resource}"
    return scope.arn(service, resource)
