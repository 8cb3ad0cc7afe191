"""Whether a replica of a model fits a node of a pool, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from serving.capacity.room import Amount, Room, beside_a_pod, room
from serving.contract.fields import show_cpu
from serving.contract.model import Environment, ModelContract
from serving.contract.placement import placement
from serving.instance_types import MIB
from serving.pools.node import labels, node, taints
from serving.pools.pool import Nodes


@dataclass(frozen=True, kw_only=True)
class Need:
    """Of one replica, with what runs beside it in its pod."""

    cpu: int
    memory_mib: int
    accelerators: Mapping[str, int]
    gpu_memory_mib: int


def need(model: ModelContract) -> Need:
    asked, placed = model.resources, placement(model)
    pod = beside_a_pod() + Amount(cpu=asked.cpu, memory_mib=-(-asked.memory // MIB))
    return Need(
        cpu=pod.cpu,
        memory_mib=pod.memory_mib,
        accelerators={placed.resource: placed.resource_count} if placed.resource else {},
        gpu_memory_mib=-(-(asked.gpu_memory or 0) // MIB) if placed.resource else 0,
    )


def meant_for(model: ModelContract, name: str, pool: Nodes) -> bool:
    """Whether the scheduler would look at the pool's nodes at all."""
    placed = placement(model)
    known, kept_off = labels(name, pool), taints(name, pool)
    selects = all(known.get(key) == value for key, value in placed.node_labels.items())
    tolerated = {(each.key, each.value) for each in placed.tolerations}
    return selects and all(
        (key, value) in tolerated or (key, None) in tolerated for key, value in kept_off.items()
    )


def misfits(model: ModelContract, pool: Nodes, environment: Environment) -> tuple[str, ...]:
    """Why no replica of it runs on the pool's nodes; nothing where one does."""
    return tuple(_misfits(model, pool, environment))


def _misfits(model: ModelContract, pool: Nodes, environment: Environment) -> Iterator[str]:
    placed, has, wants = placement(model), room(pool), need(model)
    others = [name for name in pool.instance_types if name not in placed.instance_types]
    if placed.instance_types and others:
        yield f"its nodes may be {', '.join(others)}, which the model does not name"
    if pool.capacity_type == "spot" and not placed.spot and environment == "prod":
        yield "its nodes can be taken away at two minutes' notice, which in prod is for batch alone"
    for resource, count in wants.accelerators.items():
        if count > has.accelerators.get(resource, 0):
            offered = ", ".join(f"{n} × {name}" for name, n in has.accelerators.items())
            yield f"{count} × {resource}, a node offers {offered or 'none'}"
    if wants.gpu_memory_mib > has.gpu_memory_mib:
        yield f"{wants.gpu_memory_mib} MiB of GPU memory, there are {has.gpu_memory_mib}"
    spent = "after what runs on every node"
    if wants.cpu > has.cpu:
        yield f"{show_cpu(wants.cpu)} CPU with its proxy, {show_cpu(has.cpu)} are left {spent}"
    if wants.memory_mib > has.memory_mib:
        yield f"{wants.memory_mib} MiB with its proxy, {has.memory_mib} are left {spent}"


def per_node(model: ModelContract, pool: Nodes, environment: Environment) -> int:
    """Replicas on an otherwise empty node."""
    if misfits(model, pool, environment):
        return 0
    return int(1 / share(need(model), room(pool)))


def share(wants: Need, has: Room) -> Fraction:
    """Of a node, by the resource that is used up first."""
    return max(
        Fraction(wants.cpu, has.cpu),
        Fraction(wants.memory_mib, has.memory_mib),
        Fraction(1, has.pods),
        *(
            Fraction(count, has.accelerators[resource])
            for resource, count in wants.accelerators.items()
        ),
    )


def usd_per_replica(model: ModelContract, pool: Nodes) -> float | None:
    """An hour of the part of a node that it takes away from others."""
    price = node(pool).usd_per_hour
    return None if price is None else float(share(need(model), room(pool))) * price
