from __future__ import annotations

from fractions import Fraction

import pytest

from serving.contract.consumption import cost_per_hour, node_share, quota_use
from serving.instance_types import catalogue
from tests.contracts import changed, contract


def test_quota_counts_every_replica_there_may_be() -> None:
    assert quota_use(contract("scan"), "prod") == {
        "requests.cpu": "6",
        "requests.memory": "48Gi",
        "requests.nvidia.com/mig-1g.5gb": "6",
    }
    assert quota_use(contract("scan"), "dev")["requests.nvidia.com/mig-1g.5gb"] == "2"
    assert "requests.nvidia.com/gpu" not in quota_use(contract("forms"), "prod")


def test_four_gpus_of_a_four_gpu_node_cost_the_whole_node() -> None:
    price = catalogue()["g5.12xlarge"].usd_per_hour
    assert price is not None
    assert cost_per_hour(contract("writer"), "prod") == {"g5.12xlarge": pytest.approx(4 * price)}


def test_a_mig_slice_costs_its_share_of_a_gpu() -> None:
    assert node_share(contract("scan"), catalogue()["p4d.24xlarge"]) == Fraction(1, 8 * 7)


def test_the_scarcest_resource_decides_the_share_of_a_node() -> None:
    greedy = changed("scan", ("resources", "cpu"), 40)
    kind = catalogue()["p4d.24xlarge"]
    assert node_share(greedy, kind) == Fraction(40_000, kind.allocatable_cpu)


def test_no_named_instance_type_no_price() -> None:
    assert cost_per_hour(contract("forms"), "prod") == {}
    assert cost_per_hour(changed("scan", ("resources", "instance_types"), ["x9"]), "prod") == {}
