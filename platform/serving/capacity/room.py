"""What nodes have left for models, after what they keep and what runs on every one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from serving.contract.fields import parse_cpu, parse_memory
from serving.instance_types import MIB, mig_memory_mib, most_pods
from serving.pools.node import accelerators, node
from serving.pools.pool import GpuPool, Nodes


@dataclass(frozen=True, kw_only=True)
class Amount:
    """CPU in millicores, memory in MiB."""

    cpu: int = 0
    memory_mib: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(cpu=self.cpu + other.cpu, memory_mib=self.memory_mib + other.memory_mib)


@dataclass(frozen=True, kw_only=True)
class Overhead:
    every_node: Mapping[str, Amount]
    gpu_node: Mapping[str, Amount]
    pod: Mapping[str, Amount]
    """Beside the containers of a model."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """On one empty node."""

    cpu: int
    memory_mib: int
    pods: int
    accelerators: Mapping[str, int]
    """Extended resource → how often it can be asked for."""
    gpu_memory_mib: int
    """Of one whole GPU, of one MIG instance, or what each of the pods that share one may take."""


@cache
def overhead() -> Overhead:
    text = (files("serving") / "data" / "node_overhead.yaml").read_text(encoding="utf-8")
    data: Mapping[str, Mapping[str, Any]] = YAML(typ="safe", pure=True).load(text)
    return Overhead(
        **{
            place: {name: _amount(said) for name, said in some.items()}
            for place, some in data.items()
        }
    )


def room(pool: Nodes) -> Room:
    kind, spent = node(pool), spent_on(pool)
    return Room(
        cpu=kind.allocatable_cpu - spent.cpu,
        memory_mib=kind.allocatable_memory_mib - spent.memory_mib,
        pods=most_pods(kind.vcpu) - len(_daemons(pool)),
        accelerators=accelerators(pool),
        gpu_memory_mib=_gpu_memory_mib(pool),
    )


def spent_on(pool: Nodes) -> Amount:
    """By what runs on each of its nodes."""
    return sum(_daemons(pool).values(), start=Amount())


def beside_a_pod() -> Amount:
    return sum(overhead().pod.values(), start=Amount())


def _daemons(pool: Nodes) -> Mapping[str, Amount]:
    known = overhead()
    return {**known.every_node, **(known.gpu_node if isinstance(pool, GpuPool) else {})}


def _gpu_memory_mib(pool: Nodes) -> int:
    whole = node(pool).gpu_memory_mib
    match pool:
        case GpuPool(sharing="mig", mig_profile=str(profile)):
            return mig_memory_mib(profile)
        case GpuPool(sharing="time-slicing", time_slices=int(slices)):
            return whole // slices
    return whole


def _amount(said: Mapping[str, str]) -> Amount:
    memory = parse_memory(said["memory"]) if "memory" in said else 0
    cpu = parse_cpu(said["cpu"]) if "cpu" in said else 0
    return Amount(cpu=cpu, memory_mib=memory // MIB)
