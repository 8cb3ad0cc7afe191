"""The form of what Envoy reads from files: resources under a version that follows from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

Document: TypeAlias = dict[str, Any]

BOOTSTRAP: Final = "bootstrap.json"
LISTENERS: Final = "listener.json"
CLUSTERS: Final = "clusters.json"
ROUTES: Final = "routes.json"

_TYPES: Final = "type.googleapis.com/envoy"
LISTENER: Final = f"{_TYPES}.config.listener.v3.Listener"
CLUSTER: Final = f"{_TYPES}.config.cluster.v3.Cluster"
ROUTE_CONFIGURATION: Final = f"{_TYPES}.config.route.v3.RouteConfiguration"


def document(kind: str, resources: Sequence[Mapping[str, Any]]) -> Document:
    """`version_info` is a digest: what Envoy says is in force can be told from anything else."""
    held = [{"@type": kind, **resource} for resource in resources]
    text = json.dumps(held, sort_keys=True, separators=(",", ":"))
    return {"version_info": hashlib.sha256(text.encode()).hexdigest()[:16], "resources": held}


def with_resources(before: Document, resources: Sequence[Mapping[str, Any]]) -> Document:
    """Of the same kind as `before`, which has some."""
    kind = before["resources"][0]["@type"]
    return document(kind, [{k: v for k, v in one.items() if k != "@type"} for one in resources])


def extension(kind: str, **fields: Any) -> dict[str, Any]:
    """`kind` below `envoy.extensions`, with its version: `filters.http.router.v3.Router`."""
    return {"@type": f"{_TYPES}.extensions.{kind}", **fields}


def named(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": extension(kind, **fields)}


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def seconds(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".") + "s"


def file_of(folder: str, name: str) -> dict[str, Any]:
    """Read again whenever a file is renamed into the folder; a file written in place never is."""
    source = {"path": f"{folder}/{name}", "watched_directory": {"path": folder}}
    return {"path_config_source": source, "resource_api_version": "V3"}
