"""Pools for tests, each as small as it can be described."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from serving.pools.pool import Nodes, Pool


def pool(kind: str, *types: str, least: int = 0, most: int = 1, **fields: Any) -> Nodes:
    described = {
        "kind": kind,
        "instance_types": types,
        "nodes_per_zone": {"min": least, "max": most},
        **fields,
    }
    read: Nodes = TypeAdapter[Any](Pool).validate_python(described, strict=False)
    return read
