from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving import catalog
from serving.contract.document import parse
from serving.contract.model import ModelContract, Replicas, Resources, Scaling
from serving.contract.problem import DocumentError
from serving.contract.reading import typed
from serving.tenancy import Excess, Quota, Tenant, excesses, needed

SMALLEST = """
name: vision
team: vision
contacts: [vision@example.com]
quota: {models: 2, cpu: 8, memory: 16Gi}
requests_per_second: 10
monthly_budget_usd: 100
"""

GIB = 1 << 30
DIGITS = catalog.load("prod").models["digits"]


def tenant(text: str) -> Tenant:
    return typed(parse(text.encode(), "vision.yaml"), Tenant)


def model(name: str = "digits", replicas: int = 1, **resources: Any) -> ModelContract:
    scaling = Scaling(
        min_replicas=1,
        max_replicas=replicas,
        dev=Replicas(min_replicas=0, max_replicas=1),
    )
    some = Resources(**{"accelerator": "cpu", "cpu": "1", "memory": "1Gi"} | resources)
    return DIGITS.model_copy(update={"name": name, "scaling": scaling, "resources": some})


def quota(**changes: Any) -> Quota:
    return Quota(**{"models": 10, "cpu": "100", "memory": "100Gi"} | changes)


def test_a_tenant_without_gpus_and_without_a_node_of_its_own_is_the_default() -> None:
    vision = tenant(SMALLEST)
    assert vision.quota.accelerators == {"nvidia.com/gpu": 0}
    assert vision.dedicated is False
    assert (vision.namespace, vision.group) == ("tenant-vision", "tenant:vision")


def test_slices_of_gpus_are_counted_as_kubernetes_counts_them() -> None:
    accelerators = quota(gpus=4, mig={"1g.10gb": 7}).accelerators
    assert accelerators == {"nvidia.com/gpu": 4, "nvidia.com/mig-1g.10gb": 7}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: vision", "name: Vision", "vision.yaml:2:1: name: is not valid, got 'Vision'"),
        ("team: vision", "tem: vision", "vision.yaml:3:1: tem: is not a known field"),
        ("[vision@example.com]", "[]", "contacts: is not valid"),
        ("vision@example.com", "somebody", "contacts[0]: is not valid, got 'somebody'"),
        ("models: 2", "models: 0", "quota.models: is not valid, got 0, expected ≥ 1"),
        ("memory: 16Gi", "memory: 16Gb", "quota.memory: is not valid, got '16Gb'"),
        ("cpu: 8", "gpus: -1, cpu: 8", "quota.gpus: is not valid, got -1, expected ≥ 0"),
        ("cpu: 8", "mig: {half: 1}, cpu: 8", "is not a valid key"),
        ("second: 10", "second: 0", "requests_per_second: is not valid, got 0, expected > 0"),
        ("usd: 100", "usd: free", "monthly_budget_usd: is not valid, got 'free'"),
        ("monthly_budget_usd: 100", "", "monthly_budget_usd: is missing"),
    ],
)
def test_a_wrong_tenant_is_refused_where_it_is_wrong(old: str, new: str, said: str) -> None:
    assert old in SMALLEST
    with pytest.raises(DocumentError) as refused:
        tenant(SMALLEST.replace(old, new))
    assert said in str(refused.value)


def test_a_model_needs_one_replica_more_while_two_versions_share_its_traffic() -> None:
    assert needed(model(replicas=3, cpu="2", memory="4Gi"), "prod") == {
        ("models",): 1,
        ("cpu",): 4 * 2000,
        ("memory",): 4 * 4 * GIB,
    }


def test_what_a_model_needs_depends_on_the_environment() -> None:
    assert needed(model(replicas=9), "prod")[("cpu",)] == 10_000
    assert needed(model(replicas=9), "dev")[("cpu",)] == 2000


@pytest.mark.parametrize(
    ("resources", "part", "count"),
    [
        ({"gpus": 2}, ("gpus",), 4),
        ({"gpus": 1, "sharing": "time-slicing"}, ("gpus",), 2),
        ({"gpus": 1, "sharing": "mig", "mig_profile": "1g.10gb"}, ("mig", "1g.10gb"), 2),
    ],
)
def test_accelerators_count_against_the_part_they_come_from(
    resources: dict[str, Any], part: tuple[str, ...], count: int
) -> None:
    need = needed(model(accelerator="gpu", **resources), "prod")
    assert {key: value for key, value in need.items() if key[0] in ("gpus", "mig")} == {part: count}


def test_too_small_a_quota_says_by_how_much_and_who_needs_it() -> None:
    models = [
        model("small", accelerator="gpu", gpus=1),
        model("large", replicas=2, accelerator="gpu", gpus=2),
    ]
    assert list(excesses(quota(gpus=7), models, "prod")) == [
        Excess(part=("gpus",), needed="8", allowed="7", by="large 6, small 2")
    ]


def test_slices_nobody_agreed_to_are_refused() -> None:
    sliced = model(accelerator="gpu", sharing="mig", mig_profile="1g.10gb")
    assert [excess.part for excess in excesses(quota(gpus=99), [sliced], "prod")] == [
        ("mig", "1g.10gb")
    ]


def test_amounts_are_said_as_they_are_written() -> None:
    excess = list(excesses(quota(cpu="1500m", memory="1Gi"), [model(cpu="1")], "prod"))
    assert [(each.part, each.needed, each.allowed) for each in excess] == [
        (("cpu",), "2", "1500m"),
        (("memory",), "2Gi", "1Gi"),
    ]


replica_counts = st.lists(st.integers(1, 20), min_size=1, max_size=6)


@given(replicas=replica_counts, gpus=st.integers(0, 200))
def test_a_quota_holds_exactly_when_the_sum_of_all_fits(replicas: list[int], gpus: int) -> None:
    models = [
        model(f"m{index}", count, accelerator="gpu", gpus=1) for index, count in enumerate(replicas)
    ]
    wide = quota(gpus=gpus, cpu="1000", memory="1000Gi")
    fits = sum(count + 1 for count in replicas) <= gpus
    assert (list(excesses(wide, models, "prod")) == []) is fits
