"""Which zones offer what pools ask for, and whether their reservations are what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from serving.preflight import instances
from serving.preflight.finding import Outcome
from serving.preflight.instances import Reservation
from serving.preflight.stack import Stack
from tests.unit import stacks
from tests.unit.serving.preflight.prepared import stack

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def everywhere(*but: tuple[str, str]) -> dict[str, set[str]]:
    types = {kind for pool in stack().settings.pools.values() for kind in pool.instance_types}
    return {kind: {zone for zone in ZONES if (kind, zone) not in but} for kind in types}


def test_a_pool_whose_zones_offer_all_its_types_is_well() -> None:
    found = instances.offer(stack(), everywhere())
    assert {each.outcome for each in found} == {Outcome.PASS}
    assert [each.about for each in found] == list(stack().settings.pools)


def test_a_zone_that_offers_none_of_a_pools_types_is_told_with_what_is_left() -> None:
    lacking = everywhere(("g6.xlarge", "us-east-1c"), ("g5.xlarge", "us-east-1c"))
    found = {each.about: each for each in instances.offer(stack(), lacking)}
    assert {name for name, each in found.items() if each.outcome is Outcome.FAIL} == {"gpu-vllm"}
    assert found["gpu-vllm"].said == "us-east-1c does not offer g6.xlarge or g5.xlarge"
    assert found["gpu-vllm"].do == "write pools.gpu-vllm.zones: [a, b], or name other types"


def test_a_pool_asks_only_its_own_zones() -> None:
    lacking = everywhere(("g5.12xlarge", "us-east-1c"))
    assert {each.outcome for each in instances.offer(stack(), lacking)} == {Outcome.PASS}


def test_a_type_that_no_zone_offers_leaves_no_zone_to_name() -> None:
    found = {
        each.about: each for each in instances.offer(stack(), everywhere() | {"g4dn.xlarge": []})
    }
    assert found["gpu"].do == "name other types"


def test_a_zone_with_some_of_the_types_will_do_and_is_told() -> None:
    lacking = everywhere(("g6.xlarge", "us-east-1b"))
    found = {each.about: each for each in instances.offer(stack(), lacking)}
    assert found["gpu-vllm"].outcome is Outcome.PASS
    assert found["gpu-vllm"].said == (
        "every zone offers one of g6.xlarge, g5.xlarge; us-east-1b without g6.xlarge"
    )


def with_karpenter(name: str = "dev", **pools: Any) -> Stack:
    described = stacks.values(name)
    cluster = {**described["cluster"], "autoscaler": "karpenter"}
    return stack(name, cluster=cluster, pools={**described["pools"], **pools})


def test_the_role_that_spot_takes_is_asked_for_where_karpenter_makes_nodes_on_spot() -> None:
    """Auto Scaling makes it for its groups, and those of the system pool are always groups."""
    assert instances.spot_pools(with_karpenter()) == ["cpu-compute", "gpu-vllm"]
    assert instances.spot_pools(stack("dev")) == []
    on_demand = {
        name: {**pool, "capacity_type": "on-demand"}
        for name, pool in stacks.values("dev")["pools"].items()
        if name != "system"
    }
    assert instances.spot_pools(with_karpenter(**on_demand)) == []


def test_an_account_with_that_role_is_well() -> None:
    (found,) = instances.spot_role(with_karpenter(), exists=True)
    assert (found.outcome, found.about) == (Outcome.PASS, "AWSServiceRoleForEC2Spot")


def test_an_account_without_it_is_told_how_to_make_it() -> None:
    (found,) = instances.spot_role(with_karpenter(), exists=False)
    assert found.outcome is Outcome.FAIL
    assert found.said == (
        "the account lacks it, and Karpenter, which may not make it, starts no node of "
        "cpu-compute, gpu-vllm"
    )
    assert found.do == "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"


ID = "cr-0123456789abcdef0"
THERE = Reservation(type="p5.48xlarge", zone="us-east-1b", state="active", instances=2)


def reserved(capacity_type: str = "reservation") -> Stack:
    pool: dict[str, Any] = {
        "kind": "gpu",
        "workload": "gpu",
        "instance_types": ["p5.48xlarge"],
        "zones": ["b"],
        "nodes_per_zone": {"min": 0, "max": 2},
        "capacity_type": capacity_type,
        "reservation": ID,
    }
    return stack(pools={**stacks.values("prod")["pools"], "gpu-reserved": pool})


def test_a_reservation_as_its_pool_describes_it_is_well() -> None:
    found = instances.reservation(reserved(), "gpu-reserved", THERE)
    assert (found.outcome, found.about, found.said) == (
        Outcome.PASS, f"gpu-reserved: {ID}", "active, 2 × p5.48xlarge in us-east-1b",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state": "expired"}, "is expired, not active"),
        ({"state": "scheduled"}, "is scheduled, not active"),
        ({"type": "p4d.24xlarge"}, "is of p4d.24xlarge, not of p5.48xlarge"),
        ({"zone": "us-east-1a"}, "is in us-east-1a, not in us-east-1b"),
        ({"instances": 1}, "is of 1 instances, not of 2"),
        (
            {"instances": 1, "zone": "us-east-1a"},
            "is in us-east-1a, not in us-east-1b; is of 1 instances, not of 2",
        ),
    ],
)
def test_all_in_which_a_reservation_differs_is_said(changed: dict[str, Any], said: str) -> None:
    found = instances.reservation(reserved(), "gpu-reserved", replace(THERE, **changed))
    assert (found.outcome, found.said, found.do) == (
        Outcome.FAIL, said, "correct pools.gpu-reserved",
    )  # fmt: skip


def test_a_block_may_begin_later() -> None:
    found = instances.reservation(
        reserved("block"), "gpu-reserved", replace(THERE, state="scheduled")
    )
    assert found.outcome is Outcome.PASS


def test_a_reservation_that_is_not_there_is_told() -> None:
    found = instances.reservation(reserved(), "gpu-reserved", None)
    assert (found.outcome, found.said) == (
        Outcome.FAIL, "is no reservation of this account in us-east-1",
    )  # fmt: skip
