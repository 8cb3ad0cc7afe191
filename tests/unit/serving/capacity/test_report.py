"""SCH-2, CTR-6, CST-1, FUT-3: both stacks reckoned through, and what is said of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from serving import catalog
from serving.capacity.document import document
from serving.capacity.remarks import misfit, refuse_misfits, remarks
from serving.capacity.report import Report, report
from serving.capacity.table import summary
from serving.catalog import Catalog
from serving.errors import InputError
from serving.settings import AwsSettings
from tests.unit import stacks


def settings(stack: str = "prod", **changes: Any) -> AwsSettings:
    found = stacks.settings(stack, **changes)
    assert isinstance(found, AwsSettings)
    return found


def reckoned(stack: str = "prod", **changes: Any) -> Report:
    return report(settings(stack, **changes), catalog.load("dev" if stack == "dev" else "prod"))


def pools(**changed: dict[str, Any]) -> dict[str, Any]:
    known = stacks.values("prod")["pools"]
    return {name: {**pool, **changed.get(name, {})} for name, pool in known.items()}


def of_assistant(**resources: Any) -> Catalog:
    known = catalog.load("prod")
    model = known.models["assistant"]
    changed = model.resources.model_copy(update=resources)
    models = {**known.models, "assistant": model.model_copy(update={"resources": changed})}
    return replace(known, models=models)


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_every_model_of_the_repository_fits_and_has_nodes_for_its_fewest_replicas(
    stack: str,
) -> None:
    found = reckoned(stack)
    for name, model in found.models.items():
        assert misfit(name, model) is None
        assert model.homeless.least == model.homeless.most == 0


def test_prod_survives_the_loss_of_a_zone_with_the_replicas_that_it_always_has() -> None:
    for model in reckoned().models.values():
        assert model.homeless_with_a_zone_lost.least == 0


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_all_nodes_at_once_stay_within_the_budget(stack: str) -> None:
    assert not [line for line in remarks(reckoned(stack)) if "the budget is" in line]


def test_the_figures_of_a_pool_follow_from_its_size_and_its_price() -> None:
    found = reckoned(pools=pools(**{"gpu-vllm": {"nodes_per_zone": {"min": 1, "max": 2}}}))
    vllm = found.pools["gpu-vllm"]
    assert (vllm.nodes.least, vllm.nodes.most) == (3, 6)
    assert vllm.usd_per_hour is not None
    assert vllm.usd_per_hour.most == pytest.approx(6 * 0.8048)
    (spare,) = vllm.spare
    assert (spare.offered.least, spare.offered.most) == (3, 6)
    # assistant: 2 to 4 replicas, and one more while it is promoted
    assert (spare.asked.least, spare.asked.most) == (2, 5)
    assert (spare.with_a_zone_lost.least, spare.with_a_zone_lost.most) == (4 - 2, 4 - 5)
    assert (vllm.needed.least, vllm.needed.most) == (2, 5)
    assert [sum(node.values()) for node in vllm.filled] == [1.0] * 5


def test_costs_of_models_add_up_to_those_of_their_tenants() -> None:
    found = reckoned()
    for name, tenant in found.tenants.items():
        own = [m.usd_per_hour for m in found.models.values() if m.tenant == name]
        if name == "clinic":
            continue
        assert tenant.usd_per_hour.most == pytest.approx(sum(cost.most for cost in own if cost))
    assert found.usd_per_hour.most == pytest.approx(
        sum(pool.usd_per_hour.most for pool in found.pools.values() if pool.usd_per_hour)
    )
    assistant = found.models["assistant"]
    assert assistant.usd_per_hour is not None
    assert assistant.usd_per_hour.most == pytest.approx(5 * 0.8048)


def test_a_tenant_that_shares_with_nobody_costs_a_node_more() -> None:
    together = catalog.load("prod")
    open_ = {
        name: t.model_copy(update={"dedicated": False}) for name, t in together.tenants.items()
    }
    shared, alone = report(settings(), replace(together, tenants=open_)), reckoned()
    assert shared.pools["cpu-compute"].needed.least < alone.pools["cpu-compute"].needed.least
    # Two replicas fit one c7i.2xlarge, and nobody else may use the rest of it.
    assert alone.tenants["clinic"].usd_per_hour.least == pytest.approx(0.357)
    assert shared.tenants["clinic"].usd_per_hour.least < 0.1


def test_what_finds_no_node_is_missing_from_what_is_spare() -> None:
    small = pools(**{"gpu-vllm": {"nodes_per_zone": {"min": 1, "max": 1}}})
    (spare,) = reckoned(pools=small).pools["gpu-vllm"].spare
    # Five replicas at most, three GPUs, two of them with a zone lost.
    assert spare.asked.most == 5
    assert spare.with_a_zone_lost.most == 2 - 5


def test_prices_say_where_and_when_they_were_taken() -> None:
    assert reckoned().prices.date.isoformat() == "2026-07-06"
    elsewhere = list(remarks(reckoned(region="eu-central-1")))
    assert "prices are those of us-east-1, not of eu-central-1" in elsewhere


def test_a_model_that_is_too_large_is_told_with_each_pools_reason() -> None:
    found = report(settings(), of_assistant(memory=30 << 30))
    said = misfit("assistant", found.models["assistant"])
    assert said is not None
    assert said.startswith("model assistant: fits no pool: gpu-vllm: 30848 MiB with its proxy")
    assert found.models["assistant"].usd_per_hour is None


def test_a_model_that_nobody_has_a_pool_for_is_told() -> None:
    without = {name: pool for name, pool in pools().items() if name != "gpu-vllm"}
    said = misfit("assistant", reckoned(pools=without).models["assistant"])
    assert said == "model assistant: no pool is meant for it, do: add one with its workload label"


@pytest.mark.parametrize(("released", "refused"), [({}, False), ({"assistant": 1}, True)])
def test_what_takes_traffic_and_would_wait_for_a_node_for_ever_is_refused(
    released: dict[str, int], refused: bool
) -> None:
    described = settings(releases={name: {"stable": v} for name, v in released.items()})
    found = report(described, of_assistant(memory=30 << 30))
    if not refused:
        refuse_misfits(described, found)
        return
    with pytest.raises(InputError, match="serving:pools: model assistant: fits no pool"):
        refuse_misfits(described, found)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ({"min": 0, "max": 1}, "2 replicas have no node at its most"),
        ({"min": 0, "max": 1, "zones": ["a"]}, "1 replicas have no node at its fewest"),
    ],
)
def test_too_few_nodes_are_told_with_what_to_raise(size: dict[str, Any], said: str) -> None:
    change = {"nodes_per_zone": {"min": size["min"], "max": size["max"]}}
    if "zones" in size:
        change["zones"] = size["zones"]
    lines = list(remarks(reckoned(pools=pools(**{"gpu-vllm": change}))))
    assert f"model assistant: {said}, do: raise nodes_per_zone.max of gpu-vllm" in lines


def test_too_few_nodes_without_a_zone_are_told_in_prod() -> None:
    change = {"zones": ["a", "b"], "nodes_per_zone": {"min": 1, "max": 3}}
    scaled = catalog.load("prod")
    assistant = scaled.models["assistant"]
    scaling = assistant.scaling.model_copy(update={"min_replicas": 4, "max_replicas": 5})
    models = {**scaled.models, "assistant": assistant.model_copy(update={"scaling": scaling})}
    described = settings(pools=pools(**{"gpu-vllm": change}))
    lines = list(remarks(report(described, replace(scaled, models=models))))
    assert (
        "model assistant: 1 replicas have no node with a zone lost, do: raise nodes_per_zone.max "
        "of gpu-vllm" in lines
    )


def test_a_type_without_a_price_and_a_budget_that_is_too_small_are_told() -> None:
    lines = list(
        remarks(
            reckoned(
                budget={"monthly_usd": 1000},
                pools={**pools(), "new": {**pools()["gpu"], "instance_types": ["p5e.48xlarge"]}},
            )
        )
    )
    # The catalogue knows the type: nothing can be said of it under `capacity`.
    assert (
        "pool new: the price list has no price of p5e.48xlarge, so it is missing from all costs"
        in lines
    )
    assert any(line.startswith("all nodes at once are 18,562 USD a month") for line in lines)


def test_a_type_of_ones_own_without_a_price_can_be_given_one_and_the_sum_says_what_it_lacks() -> (
    None
):
    capacity = {"vcpu": 4, "memory": "16Gi", "gpus": 1, "gpu_memory": "24Gi"}
    new = {**pools()["gpu"], "instance_types": ["g9.new"], "capacity": capacity}
    found = reckoned(pools={**pools(), "new": new})
    assert any(line.endswith("do: give capacity.usd_per_hour") for line in remarks(found))
    assert summary(found).startswith("All nodes but those of new: 4.09–25.43 USD/h")


def test_reserved_nodes_are_said_to_be_paid_for_used_or_not() -> None:
    reserved = {"capacity_type": "reservation", "reservation": "cr-0123456789abcdef0"}
    change = {**reserved, "zones": ["a"], "instance_types": ["g6.xlarge"]}
    lines = list(remarks(reckoned(pools=pools(**{"gpu-vllm": change}))))
    assert "Reserved nodes are paid for used or not, blocks in advance: gpu-vllm" in lines


def test_a_startup_budget_shorter_than_the_transfer_of_the_weights_is_told() -> None:
    known = catalog.load("prod")
    health = known.models["assistant"].health.model_copy(update={"startup_seconds": 5})
    model = known.models["assistant"].model_copy(update={"health": health})
    found = report(settings(), replace(known, models={**known.models, "assistant": model}))
    assert any("its weights alone take 14 s" in line for line in remarks(found))


def test_the_document_is_plain_data_and_says_the_same() -> None:
    found = reckoned()
    told = json.loads(json.dumps(document(found)))
    assert told["prices"] == {"region": "us-east-1", "date": "2026-07-06"}
    assert told["pools"]["gpu-vllm"]["spare"][0]["asked"] == {"least": 2, "most": 5}
    assert told["models"]["assistant"]["choices"][0]["pool"] == "gpu-vllm"
    assert told["models"]["assistant"]["cold_start"]["node"] == 150
    assert told["remarks"] == list(remarks(found))
