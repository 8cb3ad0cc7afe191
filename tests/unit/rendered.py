"""What a graph asks Kubernetes and Helm for, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import kubernetes_validate

from tests import crds
from tests.charts import ChartFacts, published, schema_errors, unknown_keys
from tests.conftest import Graph, Registered

RELEASE: Final = "kubernetes:helm.sh/v3:Release"
NAMESPACE: Final = "kubernetes:core/v1:Namespace"
POLICY: Final = "kubernetes:networking.k8s.io/v1:NetworkPolicy"

_GROUPS: Final = ("apps", "batch", "core", "networking.k8s.io", "policy", "storage.k8s.io")


def chart_of(release: Registered) -> ChartFacts:
    name = str(release.inputs["chart"]).rpartition("/")[2]
    return published()[(name, release.inputs["version"])]


def charts(graph: Graph) -> set[tuple[str, str]]:
    """Name and version of each."""
    return {(chart_of(each).chart, each.inputs["version"]) for each in graph.all(RELEASE)}


def wrong_values(graph: Graph) -> list[str]:
    """Of every chart that the graph installs."""
    return [
        f"{release.name}: {problem}"
        for release in graph.all(RELEASE)
        for known in [chart_of(release)]
        for values in [release.inputs["values"]]
        for problem in [
            *(f"{'.'.join(key)} is no value" for key in unknown_keys(known, values)),
            *schema_errors(known, values),
        ]
    ]


def wrong_objects(graph: Graph) -> list[str]:
    """Of all that Kubernetes itself knows, and of all kinds that charts bring."""
    return [
        f"{resource.name}: {problem}"
        for resource in graph
        if resource.type.startswith("kubernetes:") and resource.type != RELEASE
        for problem in _problems(resource)
    ]


def _problems(resource: Registered) -> Iterator[str]:
    described = dict(resource.inputs)
    group = resource.type.split(":")[1].partition("/")[0]
    if group not in _GROUPS and "rbac" not in group:
        yield from crds.errors(described)
        return
    try:
        kubernetes_validate.validate(described, "1.35", strict=True)
    except kubernetes_validate.ValidationError as error:
        yield str(error)


def policies(graph: Graph, namespace: str | None = None) -> list[Mapping[str, Any]]:
    return [
        dict(each.inputs)
        for each in graph.all(POLICY)
        if namespace in (None, each.inputs["metadata"]["namespace"])
    ]


def values_of(graph: Graph, release: str) -> Mapping[str, Any]:
    """By the name that Helm knows it by."""
    (found,) = [each for each in graph.all(RELEASE) if each.inputs["name"] == release]
    values: Mapping[str, Any] = found.inputs["values"]
    return values


def objects(graph: Graph, kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Custom resources of a kind, by their names in the cluster."""
    return {
        each.inputs["metadata"]["name"]: each.inputs
        for each in graph
        if each.inputs.get("kind") == kind
    }
