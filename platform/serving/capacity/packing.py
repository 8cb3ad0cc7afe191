"""Replicas onto nodes: how many nodes they take, and which of them find no place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from serving.capacity.fit import Need, share
from serving.capacity.room import Room


@dataclass(frozen=True, kw_only=True)
class Replica:
    model: str
    tenant: str
    dedicated: bool
    """Shares no node with another tenant."""
    need: Need


@dataclass(kw_only=True)
class _Node:
    room: Room
    replicas: list[Replica] = field(default_factory=list)

    def takes(self, replica: Replica) -> bool:
        there = [*self.replicas, replica]
        strangers = len({each.tenant for each in there}) > 1
        return not (strangers and any(each.dedicated for each in there)) and self._holds(there)

    def _holds(self, there: Sequence[Replica]) -> bool:
        has = self.room
        return (
            len(there) <= has.pods
            and sum(each.need.cpu for each in there) <= has.cpu
            and sum(each.need.memory_mib for each in there) <= has.memory_mib
            and all(
                sum(each.need.accelerators.get(resource, 0) for each in there) <= count
                for resource, count in has.accelerators.items()
            )
        )


@dataclass(frozen=True, kw_only=True)
class Packed:
    nodes: Sequence[Sequence[Replica]]
    unplaced: Sequence[Replica]


def pack(replicas: Sequence[Replica], room: Room, most: int) -> Packed:
    """The largest first, each onto the first node that takes it, as a scheduler that packs does."""
    largest_first = sorted(replicas, key=lambda each: (-share(each.need, room), each.model))
    nodes: list[_Node] = []
    unplaced: list[Replica] = []
    for replica in largest_first:
        open_nodes = (node for node in nodes if node.takes(replica))
        node = next(open_nodes, None)
        if node is None and len(nodes) < most:
            node = _Node(room=room)
            if node.takes(replica):
                nodes.append(node)
            else:
                node = None
        if node is None:
            unplaced.append(replica)
        else:
            node.replicas.append(replica)
    return Packed(nodes=[tuple(node.replicas) for node in nodes], unplaced=unplaced)
