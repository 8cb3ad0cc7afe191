"""FUT-3, CLU-2: the cheapest pool that a model fits, as far as its class allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.capacity.fit import need
from serving.capacity.packing import Replica
from serving.capacity.placing import choices, place
from serving.contract.model import ModelContract
from serving.pools.pool import Nodes
from tests.contracts import changed
from tests.unit.serving.capacity.pools import pool


def anywhere(workload: str = "standard") -> ModelContract:
    """A GPU, whichever."""
    model = changed("forest", ("workload",), workload)
    free = model.resources.model_copy(update={"instance_types": ()})
    return model.model_copy(update={"resources": free})


POOLS: dict[str, Nodes] = {
    "gpu": pool("gpu", "g5.xlarge"),
    "gpu-t4": pool("gpu", "g4dn.xlarge", workload="gpu"),
    "gpu-large": pool("gpu", "g5.12xlarge", workload="gpu"),
    "gpu-spot": pool("gpu", "g6.xlarge", workload="gpu", capacity_type="spot"),
    "gpu-vllm": pool("gpu", "g6.xlarge"),
    "system": pool("system", "m7i.xlarge"),
}


def fits(model: ModelContract, pools: dict[str, Nodes] = POOLS) -> Sequence[str]:
    return [each.pool for each in choices(model, pools, "prod") if not each.why_not]


@pytest.mark.parametrize(
    ("workload", "resources", "order"),
    [
        # a T4 at 0.526, an A10G at 1.006, a quarter of four at 1.418
        ("standard", {}, ["gpu-t4", "gpu", "gpu-large"]),
        ("latency-critical", {}, ["gpu-t4", "gpu", "gpu-large"]),
        ("batch", {}, ["gpu-t4", "gpu-spot", "gpu", "gpu-large"]),
        ("standard", {"gpu_memory": 20 << 30}, ["gpu", "gpu-large"]),
        ("standard", {"gpus": 3}, ["gpu-large"]),
        ("standard", {"gpu_memory": 80 << 30}, []),
    ],
)
def test_the_cheapest_pool_that_the_class_allows_comes_first(
    workload: str, resources: dict[str, Any], order: list[str]
) -> None:
    model = anywhere(workload)
    asked = model.resources.model_copy(update=resources)
    assert fits(model.model_copy(update={"resources": asked})) == order


def test_a_pool_without_a_price_is_the_last_resort() -> None:
    capacity = {"vcpu": 4, "memory": 16 << 30, "gpus": 1, "gpu_memory": 24 << 30}
    unknown = pool("gpu", "g9.xlarge", workload="gpu", capacity=capacity)
    assert fits(anywhere(), {"a-new-one": unknown, **POOLS})[-1] == "a-new-one"


def test_why_the_others_are_not_taken_is_said() -> None:
    found = {each.pool: each.why_not for each in choices(anywhere(), POOLS, "prod")}
    assert found.keys() == {"gpu", "gpu-t4", "gpu-large", "gpu-spot"}
    assert found["gpu-spot"][0].startswith("its nodes can be taken away")


def some(model: ModelContract, count: int) -> list[Replica]:
    each = Replica(model=model.name, tenant="risk", dedicated=False, need=need(model))
    return [each] * count


def test_what_finds_no_place_in_the_cheapest_pool_tries_the_next() -> None:
    options = {"forest": ["gpu-t4", "gpu", "gpu-large"]}
    most = {"gpu": 1, "gpu-t4": 2, "gpu-large": 1, "gpu-spot": 9, "gpu-vllm": 9, "system": 9}
    placed = place(some(anywhere(), 9), options, POOLS, most)
    there = {name: sum(map(len, each.nodes)) for name, each in placed.pools.items()}
    assert there == {
        "gpu-t4": 2, "gpu": 1, "gpu-large": 4, "gpu-spot": 0, "gpu-vllm": 0, "system": 0,
    }  # fmt: skip
    assert len(placed.homeless) == 2


def test_a_model_without_a_pool_is_homeless_and_nobody_waits_for_it() -> None:
    placed = place(some(anywhere(), 2), {"forest": []}, POOLS, dict.fromkeys(POOLS, 5))
    assert len(placed.homeless) == 2
    assert not any(each.nodes for each in placed.pools.values())


@given(
    wanted=st.lists(st.sampled_from(["forest", "other"]), max_size=30),
    most=st.fixed_dictionaries({name: st.integers(0, 3) for name in POOLS}),
    order=st.permutations(["gpu", "gpu-t4", "gpu-large"]),
)
def test_nobody_is_lost_on_the_way(
    wanted: list[str], most: dict[str, int], order: list[str]
) -> None:
    replicas = [
        Replica(model=name, tenant="risk", dedicated=False, need=need(anywhere()))
        for name in wanted
    ]
    placed = place(replicas, {"forest": order, "other": order[:1]}, POOLS, most)
    there = [each for pool in placed.pools.values() for node in pool.nodes for each in node]
    assert len(there) + len(placed.homeless) == len(wanted)
    assert all(len(each.nodes) <= most[name] for name, each in placed.pools.items())
    # Whoever may go anywhere stays out only where every pool is full.
    if any(each.model == "forest" for each in placed.homeless):
        assert all(len(placed.pools[name].nodes) == most[name] for name in order)
