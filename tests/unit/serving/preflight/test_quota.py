"""LLM-20: what a stack needs of each service quota, beside what others have taken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.instance_types import catalogue
from serving.pools.pool import GpuPool, PerZone
from serving.preflight import quota
from serving.preflight.finding import Finding, Outcome
from serving.preflight.quota import Instance, Limit, Quota
from tests.unit.serving.preflight.prepared import OURS, stack

LARGE = {
    "system": {
        "kind": "system",
        "instance_types": ["m7i.xlarge"],
        "nodes_per_zone": {"min": 1, "max": 1},
    },
    "gpu-vllm-large": {
        "kind": "gpu",
        "instance_types": ["g5.12xlarge"],
        "zones": ["a"],
        "nodes_per_zone": {"min": 0, "max": 1},
    },
}
"""The large judge's one node, of 48 vCPUs, beside what every cluster has."""
JUDGE = stack(pools=LARGE)
PROD = stack()


def judged(allowed: int, others: int = 0, of: Quota = quota.ON_DEMAND_G) -> Finding:
    return quota.enough(JUDGE, of, Limit(name=of.name, value=allowed), others)


@pytest.mark.parametrize(
    ("allowed", "others", "outcome"),
    [
        (0, 0, Outcome.FAIL),
        (47, 0, Outcome.FAIL),
        (48, 0, Outcome.PASS),
        (96, 48, Outcome.PASS),
        (96, 49, Outcome.FAIL),
    ],
)
def test_the_large_judge_needs_48_vcpus_that_nobody_else_has(
    allowed: int, others: int, outcome: Outcome
) -> None:
    assert judged(allowed, others).outcome is outcome


def test_what_is_missing_is_named_with_the_command_that_asks_for_it() -> None:
    found = judged(8, others=4)
    assert found.about == "Running On-Demand G and VT instances (L-DB2E81BA)"
    assert found.said == "needs 0 to 48 vCPUs; 8 allowed, 4 taken by others"
    assert found.do == (
        "aws service-quotas request-service-quota-increase --region us-east-1 --service-code ec2 "
        "--quota-code L-DB2E81BA --desired-value 52, or lower nodes_per_zone.max of gpu-vllm-large"
    )


def test_of_what_does_not_grow_one_figure_is_said_and_no_pool_to_make_smaller() -> None:
    found = judged(5, others=5, of=quota.VPCS)
    assert found.said == "needs 1; 5 allowed, 5 taken by others"
    assert found.do is not None
    assert found.do.endswith("--service-code vpc --quota-code L-F678F1CE --desired-value 6")


def test_production_needs_what_its_pools_may_grow_to_in_all_zones() -> None:
    found = quota.needs(stack("prod").settings)
    assert {each.code: (need.least, need.most) for each, need in found.items()} == {
        "L-1216C47A": (3 * 4 + 3 * 8, 3 * 3 * 4 + 3 * 4 * 8),
        "L-DB2E81BA": (3 * 4, 3 * 2 * 4 + 3 * 2 * 4 + 2 * 48),
        "L-0263D0A3": (3, 3),
        "L-69A177A2": (1, 1),
        "L-F678F1CE": (1, 1),
    }
    assert found[quota.ON_DEMAND_G].pools == ("gpu", "gpu-vllm", "gpu-vllm-large")


def test_development_on_spot_needs_the_quotas_of_spot_and_one_address() -> None:
    found = quota.needs(stack("dev").settings)
    assert {each.code: need.most for each, need in found.items()} == {
        "L-34B43A08": 2 * 2 * 4 + 2 * 2 * 8,
        "L-3819A6DF": 2 * 1 * 4,
        "L-0263D0A3": 1,
        "L-69A177A2": 1,
        "L-F678F1CE": 1,
    }


def test_what_is_reserved_needs_nothing_more() -> None:
    reserved = {
        "kind": "gpu",
        "workload": "gpu",
        "instance_types": ["p5.48xlarge"],
        "zones": ["b"],
        "nodes_per_zone": {"min": 0, "max": 2},
        "capacity_type": "reservation",
        "reservation": "cr-0123456789abcdef0",
    }
    found = quota.needs(stack(pools={**LARGE, "gpu-reserved": reserved}).settings)
    assert quota.ON_DEMAND_P not in found


@pytest.mark.parametrize(
    ("name", "spot", "code"),
    [
        ("g4dn.xlarge", False, "L-DB2E81BA"),
        ("gr6.4xlarge", False, "L-DB2E81BA"),
        ("g6e.48xlarge", True, "L-3819A6DF"),
        ("p4d.24xlarge", False, "L-417A185B"),
        ("p5en.48xlarge", False, "L-417A185B"),
        ("p4de.24xlarge", True, "L-7212CCBC"),
        ("p5.4xlarge", True, "L-C4BD4855"),
        ("m7i.xlarge", False, "L-1216C47A"),
        ("c6i.2xlarge", True, "L-34B43A08"),
        ("im4gn.large", False, "L-1216C47A"),
    ],
)
def test_each_family_has_its_own_quota(name: str, spot: bool, code: str) -> None:
    found = quota.quota_of(name, spot=spot)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    ("name", "spot"),
    [("inf2.xlarge", False), ("trn1.2xlarge", False), ("hpc7a.12xlarge", False),
     ("dl1.24xlarge", True), ("x2idn.16xlarge", False), ("u-3tb1.56xlarge", False),
     ("f1.2xlarge", False), ("mac2.metal", False), ("p6-b200.48xlarge", True)],
)  # fmt: skip
def test_of_other_families_no_quota_is_made_up(name: str, spot: bool) -> None:
    assert quota.quota_of(name, spot=spot) is None


@pytest.mark.parametrize("spot", [False, True])
def test_every_type_of_the_catalogue_has_a_quota(spot: bool) -> None:
    assert [name for name in catalogue() if quota.quota_of(name, spot=spot) is None] == []


def test_a_type_without_a_known_quota_is_unknown_and_not_passed_over() -> None:
    strange: dict[str, Any] = {
        "kind": "gpu",
        "instance_types": ["trn1.2xlarge"],
        "nodes_per_zone": {"min": 0, "max": 1},
        "capacity": {"vcpu": 8, "memory": "32Gi", "gpus": 1, "gpu_memory": "32Gi"},
    }
    (found,) = quota.unplaced(stack(pools={**LARGE, "gpu-new": strange}).settings)
    assert found.outcome is Outcome.UNKNOWN
    assert (found.about, found.said) == (
        "gpu-new",
        "which quota trn1.2xlarge counts towards is not known here",
    )


RUNNING = st.builds(
    Instance,
    type=st.sampled_from(["g5.xlarge", "p5.48xlarge", "m7i.xlarge", "trn1.2xlarge"]),
    spot=st.booleans(),
    vcpu=st.integers(1, 192),
    tags=st.sampled_from([{}, OURS, {"Project": "serving", "Env": "dev"}, {"Project": "x"}]),
)


@given(st.lists(RUNNING))
def test_all_that_runs_is_counted_once_but_what_is_the_stacks_own(running: list[Instance]) -> None:
    found = quota.taken(PROD, running)
    strangers = [each for each in running if each.tags != OURS and each.type != "trn1.2xlarge"]
    assert sum(found.values()) == sum(each.vcpu for each in strangers)
    for each in strangers:
        of = quota.quota_of(each.type, spot=each.spot)
        assert of is not None
        assert found[of] >= each.vcpu


@given(st.integers(1, 450), st.integers(0, 450), st.sampled_from(["a", "ab", "abc"]))
def test_need_is_nodes_times_zones_times_vcpus(most: int, least: int, zones: str) -> None:
    pool = GpuPool(
        kind="gpu",
        instance_types=("g5.2xlarge", "g6.2xlarge"),
        zones=tuple(zones),
        nodes_per_zone=PerZone(min=min(least, most), max=most),
    )
    settings = PROD.settings.model_copy(update={"pools": {"gpu": pool}})
    need = quota.needs(settings)[quota.ON_DEMAND_G]
    assert need.most == most * len(zones) * 8
    assert need.least == min(least, most) * len(zones) * 8


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_it_says_to_ask_for_is_enough_and_not_more(allowed: int, others: int) -> None:
    found = judged(allowed, others)
    if found.outcome is Outcome.PASS:
        return
    assert found.do is not None
    asked = int(found.do.partition("--desired-value ")[2].partition(",")[0])
    assert judged(asked, others).outcome is Outcome.PASS
    assert judged(asked - 1, others).outcome is Outcome.FAIL
