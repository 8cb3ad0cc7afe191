"""Weights that were changed directly, when a rollback could not wait for the stack.

They lie beside the routes, in `routes.held.json`, by model and cluster. They outrank older routes
until those agree. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from components.local import writing

Json: TypeAlias = dict[str, Any]
HELD = "routes.held.json"
_GRPC = "-grpc"
"""Ends the names of clusters that are reached over gRPC."""


def under_held(folder: Path, wanted: str) -> str:
    """The wanted routes, under what was changed directly; forgets what they agree with by now."""
    held = read_held(folder)
    left = {model: shares for model, shares in held.items() if not _agrees(wanted, model, shares)}
    if left != held:
        if left:
            writing.write(folder / HELD, json.dumps(left))
        else:
            (folder / HELD).unlink(missing_ok=True)
    return overridden(wanted, left)


def overridden(routes: str, held: Mapping[str, Mapping[str, int]]) -> str:
    if not held:
        return routes
    document = json.loads(routes)
    for model, shares in held.items():
        for cluster in _choices(document, model):
            cluster["weight"] = shares.get(cluster["name"].removesuffix(_GRPC), 0)
    return versioned(document["resources"])


def read_held(folder: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(writing.content_of(folder / HELD) or "{}")
    return found


def _agrees(routes: str, model: str, shares: Mapping[str, int]) -> bool:
    """Also where the choice is another one by now: what was changed were other versions."""
    choices = {
        cluster["name"].removesuffix(_GRPC): cluster["weight"]
        for cluster in _choices(json.loads(routes), model)
    }
    return choices.keys() != shares.keys() or choices == shares


def _choices(document: Json, model: str) -> Iterator[Json]:
    """The weighted clusters of one model."""
    for table in document["resources"]:
        for host in table["virtual_hosts"]:
            if host["name"] == model:
                for route in host["routes"]:
                    yield from (
                        route.get("route", {}).get("weighted_clusters", {}).get("clusters", [])
                    )


def versioned(resources: list[Json]) -> str:
    """Its version names its content, so that what is in force can be told by it."""
    text = json.dumps(resources, sort_keys=True, separators=(",", ":"))
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    return json.dumps({"version_info": version, "resources": resources})
