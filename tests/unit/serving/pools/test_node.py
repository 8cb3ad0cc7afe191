"""CLU-3, CLU-11, GPU-2, GPU-5, GPU-6: what a node of a pool is known by, keeps off and offers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.contract.placement import placement
from serving.instance_types import InstanceType, catalogue
from serving.pools.node import accelerators, labels, node, taints
from serving.pools.pool import Nodes
from tests.contracts import contract
from tests.unit.serving.capacity.pools import pool


@pytest.mark.parametrize("name", ["cpu-compute", "gpu", "gpu-vllm", "gpu-vllm-large"])
def test_a_pool_is_selected_by_its_name(name: str) -> None:
    kind, type_ = ("cpu", "c7i.large") if name == "cpu-compute" else ("gpu", "g5.xlarge")
    assert labels(name, pool(kind, type_))["workload"] == name


def test_two_pools_can_serve_the_same_models() -> None:
    spot = pool("gpu", "g5.xlarge", workload="gpu", capacity_type="spot")
    assert (
        labels("gpu-spot", spot)["workload"] == labels("gpu", pool("gpu", "g5.xlarge"))["workload"]
    )


def test_the_systems_nodes_are_known_as_such_whatever_their_pool_is_called() -> None:
    own = pool("system", "m7i.large", labels={"team": "platform"})
    assert labels("machines", own) == {"workload": "system", "team": "platform"}
    assert taints("machines", own) == {}


def test_gpus_are_kept_for_those_that_ask_for_them() -> None:
    assert taints("gpu", pool("gpu", "g5.xlarge")) == {"nvidia.com/gpu": "true"}
    large = pool("gpu", "g5.12xlarge", taint="large-models")
    assert taints("gpu-vllm-large", large) == {"nvidia.com/gpu": "large-models"}
    assert labels("gpu", pool("gpu", "g5.xlarge"))["k8s.amazonaws.com/accelerator"] == "nvidia"


@pytest.mark.parametrize(("name", "pooled"), [("forms", "cpu-compute"), ("scan", "gpu-mig")])
def test_the_models_that_belong_there_select_and_tolerate_a_pool(name: str, pooled: str) -> None:
    placed = placement(contract(name))
    kind, type_ = ("cpu", "c7i.large") if pooled == "cpu-compute" else ("gpu", "p4d.24xlarge")
    there = pool(kind, type_)
    assert placed.node_labels.items() <= labels(pooled, there).items()
    tolerated = {(each.key, each.value) for each in placed.tolerations}
    for key, value in taints(pooled, there).items():
        assert (key, value) in tolerated or (key, None) in tolerated


@pytest.mark.parametrize(
    ("there", "offered"),
    [
        (pool("system", "m7i.large"), {}),
        (pool("cpu", "c7i.large"), {}),
        (pool("gpu", "g5.xlarge"), {"nvidia.com/gpu": 1}),
        (pool("gpu", "g5.12xlarge"), {"nvidia.com/gpu": 4}),
        (
            pool("gpu", "g5.12xlarge", sharing="time-slicing", time_slices=4),
            {"nvidia.com/gpu": 16},
        ),
        (
            pool("gpu", "p4d.24xlarge", sharing="mig", mig_profile="1g.5gb"),
            {"nvidia.com/mig-1g.5gb": 56},
        ),
        (
            pool("gpu", "p4de.24xlarge", sharing="mig", mig_profile="3g.40gb"),
            {"nvidia.com/mig-3g.40gb": 16},
        ),
    ],
)
def test_a_node_offers_its_gpus_whole_or_in_parts(there: Nodes, offered: dict[str, int]) -> None:
    assert accelerators(there) == offered


SAME_SIZE = [
    list(kinds)
    for _, kinds in itertools.groupby(
        sorted(catalogue().values(), key=lambda k: (k.vcpu, k.memory_mib, k.gpus)),
        key=lambda k: (k.vcpu, k.memory_mib, k.gpus),
    )
]


@given(st.sampled_from(SAME_SIZE).flatmap(lambda kinds: st.permutations(kinds)))
def test_what_fits_the_pools_node_fits_whichever_type_it_turns_out_to_be(kinds: list[Any]) -> None:
    kind = "gpu" if kinds[0].gpus else "cpu"
    least = node(pool(kind, *(each.name for each in kinds)))
    for each in kinds:
        assert least.allocatable_cpu <= each.allocatable_cpu
        assert least.allocatable_memory_mib <= each.allocatable_memory_mib
        assert least.gpu_memory_mib <= each.gpu_memory_mib
        assert least.nvme_gb <= each.nvme_gb
        assert least.network_mbps <= each.network_mbps
        for profile, parts in least.mig_profiles.items():
            assert parts <= each.mig_profiles.get(profile, 0)
    assert least.usd_per_hour == kinds[0].usd_per_hour


def test_a_type_that_nobody_knows_holds_what_is_said_of_it_less_what_it_keeps() -> None:
    described = {"vcpu": 8, "memory": 32 << 30, "gpus": 2, "gpu_memory": 24 << 30}
    kind = node(pool("gpu", "g9.2xlarge", capacity=described))
    assert (kind.allocatable_cpu, kind.gpus, kind.gpu_memory_mib) == (7910, 2, 24 * 1024)
    assert kind.usd_per_hour is None


@pytest.mark.parametrize("alike", [k for k in catalogue().values() if k.name != "g7e.4xlarge"])
def test_of_a_type_that_nobody_knows_no_more_memory_is_given_away_than_of_those_like_it(
    alike: InstanceType,
) -> None:
    described = {"vcpu": alike.vcpu, "memory": alike.memory_mib << 20}
    kind = node(pool("cpu", "x9.new", capacity=described))
    assert kind.allocatable_memory_mib <= alike.allocatable_memory_mib
    assert kind.allocatable_cpu == alike.allocatable_cpu
