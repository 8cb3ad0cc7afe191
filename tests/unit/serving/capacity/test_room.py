"""SCH-2: what nodes have left for models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from components.model_cache_pods import daemon_set
from serving.capacity.room import Amount, beside_a_pod, overhead, room, spent_on
from serving.contract.fields import parse_cpu, parse_memory
from serving.instance_types import MIB, catalogue
from serving.pools.pool import Nodes
from tests.unit import stacks
from tests.unit.components.examples import SURROUNDINGS
from tests.unit.serving.capacity.pools import pool


def values(release: str) -> Any:
    return stacks.graph("prod").one("kubernetes:helm.sh/v3:Release", release).inputs["values"]


def amount(resources: Mapping[str, Any]) -> Amount:
    asked = resources["requests"]
    return Amount(cpu=parse_cpu(asked["cpu"]), memory_mib=parse_memory(asked["memory"]) // MIB)


def test_what_we_install_on_every_node_is_reckoned_with_as_it_is() -> None:
    known = overhead()
    metrics = values("monitoring-kube-prometheus-stack")["prometheus-node-exporter"]
    assert known.every_node["node-exporter"] == amount(metrics["resources"])
    assert known.every_node["log-agent"] == amount(values("log-agent-alloy")["alloy"]["resources"])
    assert known.every_node["istio-cni"] == amount(values("mesh-cni-istio-cni")["resources"])
    exporter = values("gpus-gpu-operator")["dcgmExporter"]
    assert known.gpu_node["dcgm-exporter"] == amount(exporter["resources"])
    pods = daemon_set(SURROUNDINGS, "script", "wanted", "source")["template"]["spec"]
    assert known.every_node["model-cache"] == amount(pods["containers"][0]["resources"])
    proxy = values("mesh-control-istiod")["global"]["proxy"]
    assert known.pod["istio-proxy"] == amount(proxy["resources"])


@pytest.mark.parametrize(
    ("there", "cpu", "memory_mib"),
    [
        (pool("cpu", "c7i.2xlarge"), 7910 - 295, 14162 - 726),
        (pool("gpu", "g5.xlarge"), 3920 - 345, 14162 - 1238),
        (pool("gpu", "g4dn.xlarge", "g5.xlarge"), 3920 - 345, 14162 - 1238),
        (pool("gpu", "p5.48xlarge"), 191450 - 345, 1938410 - 1238),
    ],
)
def test_a_node_has_left_what_neither_it_nor_its_helpers_take(
    there: Nodes, cpu: int, memory_mib: int
) -> None:
    left = room(there)
    assert (left.cpu, left.memory_mib) == (cpu, memory_mib)


def test_nodes_with_gpus_carry_more_helpers() -> None:
    plain, with_gpus = pool("cpu", "m7i.xlarge"), pool("gpu", "g5.xlarge")
    assert spent_on(with_gpus).memory_mib - spent_on(plain).memory_mib == 512
    assert room(plain).pods - room(with_gpus).pods == len(overhead().gpu_node)
    assert beside_a_pod().cpu > 0


@pytest.mark.parametrize(
    ("there", "each"),
    [
        (pool("gpu", "g5.xlarge"), 22888),
        (pool("gpu", "g5.xlarge", "g4dn.xlarge"), 15360),
        (pool("gpu", "p4d.24xlarge", sharing="mig", mig_profile="3g.20gb"), 18119),
        (pool("gpu", "g5.xlarge", sharing="time-slicing", time_slices=4), 22888 // 4),
        (pool("cpu", "m7i.large"), 0),
    ],
)
def test_a_pod_gets_the_memory_of_its_gpu_of_its_part_or_of_its_turn(
    there: Nodes, each: int
) -> None:
    assert room(there).gpu_memory_mib == each


@pytest.mark.parametrize("name", catalogue())
def test_every_known_type_has_room_for_a_model(name: str) -> None:
    left = room(pool("gpu" if catalogue()[name].gpus else "cpu", name))
    assert left.cpu > 1000
    assert left.memory_mib > 2000
    assert left.pods > 80
