"""SCH-2: what carries everything but inference has room for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from serving.capacity.fit import Need
from serving.capacity.packing import Replica, pack
from serving.capacity.room import room
from serving.contract.fields import parse_cpu, parse_memory
from serving.instance_types import MIB
from serving.pools.pool import SystemPool
from serving.settings import AwsSettings
from tests.unit import stacks
from tests.unit.rendered import RELEASE

ON_EVERY_NODE = frozenset(
    {"log-agent-alloy", "mesh-cni-istio-cni", "prometheus-node-exporter", "dcgmExporter"}
)
"""Releases, and parts of others."""

COUNTS = ("replicas", "replicaCount", "minReplicas", "autoscaleMin")


def requests(values: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Mapping[str, str]]]:
    if isinstance(values, Mapping):
        asked = values.get("requests")
        if isinstance(asked, Mapping) and "cpu" in asked:
            yield ".".join(path), asked
        for key, value in values.items():
            yield from requests(value, (*path, key))


def most_replicas(values: Any) -> int:
    """Of anything in the chart."""
    if not isinstance(values, Mapping):
        return 1
    own = [int(count) for key, count in values.items() if key in COUNTS]
    return max([1, *own, *(most_replicas(value) for value in values.values())])


def pods(stack: str) -> Sequence[Replica]:
    """What the charts are told to ask for, each as often as the chart runs anything at all."""
    return [
        Replica(
            model=path,
            tenant="platform",
            dedicated=False,
            need=Need(
                cpu=parse_cpu(asked["cpu"]),
                memory_mib=parse_memory(asked["memory"]) // MIB,
                accelerators={},
                gpu_memory_mib=0,
            ),
        )
        for release in stacks.graph(stack).all(RELEASE)
        for path, asked in requests(release.inputs["values"], (release.name,))
        if not ON_EVERY_NODE.intersection(path.split("."))
        for _ in range(most_replicas(release.inputs["values"]))
    ]


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_what_the_charts_run_fits_the_fewest_nodes_of_the_system_pool(stack: str) -> None:
    settings = stacks.settings(stack)
    assert isinstance(settings, AwsSettings)
    (pool,) = (each for each in settings.pools.values() if isinstance(each, SystemPool))
    there = len(pool.zones or settings.zones) * pool.nodes_per_zone.min
    wanted = pods(stack)
    assert len(wanted) > 20
    assert pack(wanted, room(pool), most=there).unplaced == []
