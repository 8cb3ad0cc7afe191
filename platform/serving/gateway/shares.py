"""The weights inside a route document: read back, and changed where nothing else may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from serving.errors import ServingError
from serving.gateway.documents import Document, with_resources
from serving.gateway.names import protocol_of, statistics, version_of
from serving.gateway.routes import weighted


def shares_of(routes: Mapping[str, Any], model: str) -> dict[int, int]:
    """Percent by version; nothing where the model has no route. Of a document, or of one
    RouteConfiguration as Envoy shows it. Raises ServingError where it cannot be told."""
    found = [_weights(action, model) for action in _splits(routes, model)]
    if any(each != found[0] for each in found):
        raise ServingError(f"model {model}: its routes do not agree on the weights: {found}")
    shares = {version: weight for version, weight in found[0].items() if weight} if found else {}
    if shares and sum(shares.values()) != 100:
        raise ServingError(f"model {model}: expected weights that add up to 100, got {shares}")
    return shares


def versions_in(routes: Mapping[str, Any], model: str) -> set[int]:
    """Between which the model's routes choose, with a share or without."""
    return {version for action in _splits(routes, model) for version in _weights(action, model)}


def with_shares(routes: Document, model: str, shares: Mapping[int, int]) -> Document:
    """The same document with other weights; nothing is mirrored to a version that answers."""
    if sum(shares.values()) != 100 or any(share < 0 for share in shares.values()):
        raise ServingError(f"model {model}: expected shares that add up to 100, got {dict(shares)}")
    changed = deepcopy(routes)
    splits = list(_splits(changed, model))
    if not splits:
        raise ServingError(f"model {model}: has no route whose weights could be changed")
    answering = tuple(
        f"{statistics(model, version)}-" for version, share in shares.items() if share
    )
    for action in splits:
        before = action["weighted_clusters"]["clusters"]
        left = dict.fromkeys(_weights(action, model), 0)
        protocol = protocol_of(before[0]["name"])
        action["weighted_clusters"]["clusters"] = weighted(model, protocol, {**left, **shares})
        copies = action.pop("request_mirror_policies", ())
        if kept := [copy for copy in copies if not copy["cluster"].startswith(answering)]:
            action["request_mirror_policies"] = kept
    return with_resources(changed, changed["resources"])


def _splits(routes: Mapping[str, Any], model: str) -> Iterator[dict[str, Any]]:
    for configuration in routes.get("resources", [routes]):
        for host in configuration.get("virtual_hosts", ()):
            for route in host["routes"] if host["name"] == model else ():
                if "weighted_clusters" in route.get("route", ()):
                    yield route["route"]


def _weights(action: Mapping[str, Any], model: str) -> dict[int, int]:
    weights: dict[int, int] = {}
    for one in action["weighted_clusters"]["clusters"]:
        version = version_of(one["name"], model)
        if version is None:
            raise ServingError(f"model {model}: {one['name']} is no cluster of a version")
        weights[version] = one.get("weight", 0)
    return weights
