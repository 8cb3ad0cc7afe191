from __future__ import annotations

from typing import get_args

import pytest

from serving.contract.model import Workload
from serving.contract.placement import STRATEGIES, Toleration, placement
from tests.contracts import changed, contract


def test_every_workload_has_exactly_one_strategy() -> None:
    assert set(STRATEGIES) == set(get_args(Workload))


@pytest.mark.parametrize(
    ("workload", "strategy", "spot"),
    [
        ("latency-critical", "spread", False),
        ("standard", "pack", False),
        ("small", "pack", False),
        ("batch", "pack", True),
    ],
)
def test_the_workload_decides_between_spreading_packing_and_spot(
    workload: str, strategy: str, spot: bool
) -> None:
    placed = placement(changed("scan", ("workload",), workload))
    assert (placed.strategy, placed.spot) == (strategy, spot)


@pytest.mark.parametrize("name", ["scan", "writer"])
def test_every_gpu_replica_tolerates_the_gpu_taint(name: str) -> None:
    assert placement(contract(name)).tolerations == (Toleration(key="nvidia.com/gpu"),)


def test_a_cpu_replica_stays_off_gpu_nodes() -> None:
    placed = placement(contract("forms"))
    assert placed.node_labels == {"workload": "cpu-compute"}
    assert placed.tolerations == (Toleration(key="workload", value="cpu-compute"),)
    assert placed.resource is None
    assert placed.resource_count == 0


@pytest.mark.parametrize(
    ("sharing", "resource", "pool"),
    [
        ("none", "nvidia.com/gpu", "gpu"),
        ("mig", "nvidia.com/mig-1g.5gb", "gpu-mig"),
        ("time-slicing", "nvidia.com/gpu", "gpu-shared"),
    ],
)
def test_sharing_decides_the_pool_and_the_resource(sharing: str, resource: str, pool: str) -> None:
    placed = placement(changed("scan", ("resources", "sharing"), sharing))
    assert (placed.resource, placed.node_labels) == (resource, {"workload": pool})
    assert placed.resource_count == 1


@pytest.mark.parametrize(("gpus", "pool"), [(1, "gpu-vllm"), (4, "gpu-vllm-large")])
def test_large_language_models_have_pools_of_their_own(gpus: int, pool: str) -> None:
    placed = placement(changed("writer", ("resources", "gpus"), gpus))
    assert placed.node_labels == {"workload": pool}
    assert placed.resource_count == gpus
