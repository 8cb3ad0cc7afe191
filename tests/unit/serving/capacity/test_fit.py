"""CTR-6, GPU-5, GPU-6, CST-2: what does not fit a node is not put there, and why is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.capacity.fit import meant_for, misfits, need, per_node, share, usd_per_replica
from serving.capacity.room import Room, room
from serving.contract.model import ModelContract
from serving.contract.problem import JsonPath
from tests.contracts import changed, contract
from tests.unit.serving.capacity.pools import pool

A10G = pool("gpu", "g5.xlarge")
A100_CUT = pool("gpu", "p4d.24xlarge", sharing="mig", mig_profile="1g.5gb")


def forest(**resources: Any) -> ModelContract:
    """One GPU of a g5.xlarge."""
    whole = {**contract("forest").resources.model_dump(mode="json"), **resources}
    return changed("forest", ("resources",), whole)


def test_what_is_asked_for_includes_the_proxy_beside_it() -> None:
    asked = need(contract("forest"))
    assert (asked.cpu, asked.memory_mib) == (1000 + 50, 2048 + 128)
    assert asked.accelerators == {"nvidia.com/gpu": 1}
    assert asked.gpu_memory_mib == 2048
    assert need(contract("forms")).accelerators == {}


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"gpu_memory": "30Gi"}, "30720 MiB of GPU memory, there are 22888"),
        ({"gpus": 2}, "2 × nvidia.com/gpu, a node offers 1 × nvidia.com/gpu"),
        ({"cpu": "4"}, "4050m CPU with its proxy, 3575m are left after what runs on every node"),
        ({"cpu": "3600m"}, "3650m CPU with its proxy, 3575m are left"),
        ({"memory": "13Gi"}, "13440 MiB with its proxy, 12924 are left"),
        (
            {"instance_types": ["g6.xlarge"]},
            "its nodes may be g5.xlarge, which the model does not name",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_figures(
    resources: dict[str, Any], said: str
) -> None:
    (reason,) = misfits(forest(**resources), A10G, "prod")
    assert reason.startswith(said)
    assert per_node(forest(**resources), A10G, "prod") == 0


def test_what_fits_fits() -> None:
    assert misfits(forest(), A10G, "prod") == ()
    assert misfits(forest(cpu="3525m", memory="12796Mi", gpu_memory="22888Mi"), A10G, "prod") == ()
    assert per_node(forest(), A10G, "prod") == 1


def test_a_slice_of_a_gpu_is_only_found_where_gpus_are_cut_that_way() -> None:
    scan = contract("scan")
    assert misfits(scan, A100_CUT, "prod") == ()
    assert per_node(scan, A100_CUT, "prod") == 56
    whole = pool("gpu", "p4d.24xlarge", workload="gpu-mig")
    (reason, _) = misfits(changed("scan", ("resources", "gpu_memory"), "50Gi"), whole, "prod")
    assert reason == "1 × nvidia.com/mig-1g.5gb, a node offers 8 × nvidia.com/gpu"


def test_those_that_share_a_gpu_by_time_share_its_memory() -> None:
    small = forest(gpu_memory="6Gi", sharing="time-slicing")
    assert per_node(small, pool("gpu", "g5.xlarge", sharing="time-slicing", time_slices=2), "prod")
    (reason,) = misfits(
        small, pool("gpu", "g5.xlarge", sharing="time-slicing", time_slices=4), "prod"
    )
    assert reason == "6144 MiB of GPU memory, there are 5722"


@pytest.mark.parametrize(
    ("workload", "environment", "fits"),
    [
        ("latency-critical", "prod", False),
        ("standard", "prod", False),
        ("batch", "prod", True),
        ("latency-critical", "dev", True),
    ],
)
def test_borrowed_nodes_are_for_batch_except_in_dev(
    workload: str, environment: Any, fits: bool
) -> None:
    model = changed("forest", ("workload",), workload)
    spot = pool("gpu", "g5.xlarge", capacity_type="spot")
    assert (not misfits(model, spot, environment)) is fits


@pytest.mark.parametrize(
    ("model", "name", "meant"),
    [
        ("forest", "gpu", True),
        ("forest", "gpu-vllm", False),
        ("writer", "gpu-vllm-large", True),
        ("scan", "gpu-mig", True),
        ("forms", "gpu", False),
    ],
)
def test_a_model_is_meant_for_the_pool_whose_label_it_selects(
    model: str, name: str, meant: bool
) -> None:
    assert meant_for(contract(model), name, A10G) is meant


def test_a_model_without_a_gpu_does_not_get_past_a_taint_for_gpus() -> None:
    lying = pool("gpu", "g5.xlarge", workload="cpu-compute")
    assert not meant_for(contract("forms"), "gpu", lying)


AMOUNTS: dict[str, st.SearchStrategy[Any]] = {
    "cpu": st.integers(100, 40_000).map(lambda n: f"{n}m"),
    "memory": st.integers(64, 200_000).map(lambda n: f"{n}Mi"),
    "gpu_memory": st.integers(64, 90_000).map(lambda n: f"{n}Mi"),
}
POOLS = [A10G, pool("gpu", "g5.12xlarge"), pool("gpu", "p5.48xlarge"), pool("gpu", "g6e.2xlarge")]


@given(resources=st.fixed_dictionaries(AMOUNTS), there=st.sampled_from(POOLS))
def test_so_many_fit_and_not_one_more(resources: dict[str, Any], there: Any) -> None:
    model = forest(**resources, instance_types=[])
    count, wants, has = per_node(model, there, "prod"), need(model), room(there)

    def holds(replicas: int) -> bool:
        return (
            replicas * wants.cpu <= has.cpu
            and replicas * wants.memory_mib <= has.memory_mib
            and replicas <= has.accelerators["nvidia.com/gpu"]
            and replicas <= has.pods
            and (not replicas or wants.gpu_memory_mib <= has.gpu_memory_mib)
        )

    assert holds(count)
    assert not holds(count + 1)
    assert (count > 0) == (misfits(model, there, "prod") == ())


JUST: JsonPath = ("resources", "cpu")


def test_the_scarcest_resource_is_what_a_replica_pays_for() -> None:
    has = Room(
        cpu=4000, memory_mib=8000, pods=100, accelerators={"nvidia.com/gpu": 4}, gpu_memory_mib=1
    )
    assert share(need(contract("forest")), has) == pytest.approx((2048 + 128) / 8000)
    assert share(need(changed("forest", JUST, 3)), has) == pytest.approx(3050 / 4000)
    assert usd_per_replica(contract("forest"), A10G) == pytest.approx(1.006)
    unknown = {"vcpu": 4, "memory": 16 << 30, "gpus": 1, "gpu_memory": 24 << 30}
    assert usd_per_replica(contract("forest"), pool("gpu", "g9", capacity=unknown)) is None
