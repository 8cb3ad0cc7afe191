"""How long a replica takes that needs a new node: the node, the image, the weights, the warm-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from serving.contract.fields import parse_memory
from serving.contract.model import ModelContract
from serving.contract.runtime import TritonRuntime, VllmRuntime
from serving.instance_types import MIB
from serving.pools.node import node
from serving.pools.pool import Nodes


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    node_seconds: int
    images: Mapping[str, str]
    """Engine → size of its image as it is pulled."""
    pull_mib_per_second: int
    weights_mib_per_second: Mapping[str, int]
    """By the kind of repository, into one replica."""


@dataclass(frozen=True, kw_only=True)
class ColdStart:
    """In seconds."""

    node: int
    image: int
    weights: int
    """At least: what the contract says of their size, at the speed of where they are kept."""
    warm_up: int
    """What the contract's start-up budget leaves for loading and warming up."""

    @property
    def total(self) -> int:
        return self.node + self.image + self.weights + self.warm_up


@cache
def assumptions() -> Assumptions:
    text = (files("serving") / "data" / "cold_start.yaml").read_text(encoding="utf-8")
    data: Mapping[str, Any] = YAML(typ="safe", pure=True).load(text)
    return Assumptions(**data)


def cold_start(model: ModelContract, pool: Nodes) -> ColdStart:
    assumed = assumptions()
    weights = seconds(
        weights_mib(model), assumed.weights_mib_per_second[model.repository.kind], pool
    )
    image = parse_memory(assumed.images[model.runtime.engine]) // MIB
    return ColdStart(
        node=assumed.node_seconds,
        image=seconds(image, assumed.pull_mib_per_second, pool),
        weights=weights,
        warm_up=max(0, model.health.startup_seconds - weights),
    )


def weights_mib(model: ModelContract) -> int:
    """None of a server of one's own, which says nothing of them."""
    match model.runtime:
        case TritonRuntime(models=models):
            size = sum(each.memory.weights for each in models.values())
        case VllmRuntime(weights=weights):
            size = weights
        case _:
            size = 0
    return -(-size // MIB)


def seconds(mib: int, mib_per_second: int, pool: Nodes) -> int:
    """No faster than the node's network, where that is known."""
    network = node(pool).network_mbps
    fastest = network * 10**6 // 8 // MIB if network else mib_per_second
    return -(-mib // min(mib_per_second, fastest))
