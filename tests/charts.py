"""What is known of the charts: which values each of them takes, by its own defaults and schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import jsonschema

FOLDER: Final = Path(__file__).parent / "fixtures" / "charts"

Key: TypeAlias = tuple[str, ...]

OF_KUBERNETES: Final = frozenset(
    {
        "annotations", "containerSecurityContext", "nodeSelector", "podAnnotations",
        "podSecurityContext",
        "resources", "securityContext",
    }
)  # fmt: skip
"""Maps that charts hand on as they are, whatever their defaults hold."""

READ_BY_TEMPLATES: Final[Mapping[str, set[Key]]] = {
    # flags of the program, written out one by one
    "cluster-autoscaler": {("extraArgs",)},
    # sections of grafana.ini, written out one by one
    "grafana": {("grafana.ini",)},
    # no default says so, the template of the operator's Deployment does
    "gpu-operator": {("operator", "nodeSelector")},
    # limits_config is Loki's own type, of which the chart fills in a part
    "loki": {("loki", "limits_config")},
    # the tag is the chart's app version unless it is given
    "node-feature-discovery": {("image", "tag")},
    # meshConfig is Istio's own type, of which the chart fills in a part
    "istiod": {("meshConfig",)},
    # templates/tempo.yaml copies `storage` as it is
    "tempo": {("tempo", "storage", "trace", "s3")},
}
"""Keys of values that templates read and that `values.yaml` does not hold, found there by hand."""


@dataclass(frozen=True)
class ChartFacts:
    directory: str
    told: Mapping[str, Any]

    @property
    def chart(self) -> str:
        return str(self.told["chart"])

    @property
    def version(self) -> str:
        return str(self.told["version"])

    @property
    def app_version(self) -> str:
        return str(self.told["app_version"])

    @property
    def published(self) -> str:
        return str(self.told["helm_source"])

    @property
    def defaults(self) -> Mapping[str, Any]:
        values = self.told["values"] or {}
        below: Mapping[str, Any] = values[self.told["values_root"]] if self._has_root else values
        return below

    @property
    def _has_root(self) -> bool:
        return bool(self.told["values_root"])

    @property
    def subcharts(self) -> Mapping[str, str]:
        return self.told["subcharts"] or {}

    @property
    def honoured(self) -> set[Key]:
        written = self.told["honoured_but_not_in_values"] or []
        indexed = {tuple(each.split(" ")[0].removesuffix(".*").split(".")) for each in written}
        return indexed | READ_BY_TEMPLATES.get(self.directory, set())


@cache
def facts(directory: str) -> ChartFacts:
    text = (FOLDER / f"{directory}.json").read_text(encoding="utf-8")
    return ChartFacts(directory, json.loads(text))


@cache
def published() -> Mapping[tuple[str, str], ChartFacts]:
    """By name and version."""
    known = [facts(path.stem) for path in FOLDER.glob("*.json")]
    return {(each.chart, each.version): each for each in known}


def unknown_keys(known: ChartFacts, values: Mapping[str, Any]) -> list[Key]:
    """Keys that the chart would take no notice of."""
    return [key for key in keys(values) if not _taken(known, key)]


def keys(values: Mapping[str, Any], above: Key = ()) -> Iterator[Key]:
    """Of all that is set; what lies in lists is not looked into."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from keys(value, (*above, name))
        else:
            yield (*above, name)


def _taken(known: ChartFacts, key: Key) -> bool:
    if any(key[: len(each)] == each for each in known.honoured):
        return True
    if key[0] in known.subcharts and len(key) > 1:
        below = facts(known.subcharts[key[0]])
        if _taken(below, key[1:]):
            return True
    return _in_defaults(known.defaults, key) or _in_schema(known.told.get("schema"), key)


def _in_defaults(defaults: Any, key: Key) -> bool:
    """A key that is there, or below one whose default says nothing of what may be in it."""
    at = defaults
    for name, above in zip(key, (None, *key), strict=False):
        if at in ({}, [], "", None) or above in OF_KUBERNETES:
            return True
        if not isinstance(at, Mapping):
            return False
        if name not in at:
            return False
        at = at[name]
    return True


def _in_schema(schema: Mapping[str, Any] | None, key: Key) -> bool:
    if schema is None:
        return False
    at: Any = schema
    for name in key:
        while "$ref" in at:
            at = _resolved(schema, at["$ref"])
        properties = at.get("properties", {})
        if name not in properties:
            return False
        at = properties[name]
    return True


def _resolved(schema: Mapping[str, Any], reference: str) -> Any:
    at: Any = schema
    for name in reference.removeprefix("#/").split("/"):
        at = at[name]
    return at


def schema_errors(known: ChartFacts, values: Mapping[str, Any]) -> list[str]:
    if "schema" not in known.told:
        return []
    validator = jsonschema.Draft7Validator(known.told["schema"])
    merged = _merged(known.defaults, values)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(merged)]


def _merged(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """As Helm does it."""
    both = dict(defaults)
    for name, value in values.items():
        below = both.get(name)
        both[name] = (
            _merged(below, value)
            if isinstance(value, Mapping) and isinstance(below, Mapping)
            else value
        )
    return both
