"""What of a report should not be left so, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from serving.capacity.report import HOURS_OF_A_MONTH, ModelReport, Report
from serving.errors import InputError
from serving.instance_types import catalogue
from serving.settings import AwsSettings


def remarks(report: Report) -> Iterator[str]:
    for name, model in report.models.items():
        yield from _on_model(name, model, report)
    for name, pool in report.pools.items():
        if pool.usd_per_hour is None:
            known = pool.instance_types[0] in catalogue()
            yield (
                f"pool {name}: the price list has no price of {pool.instance_types[0]}, so it is "
                "missing from all costs" + ("" if known else ", do: give capacity.usd_per_hour")
            )
    spot = [name for name, pool in report.pools.items() if pool.capacity_type == "spot"]
    if spot:
        yield f"Spot costs less than is reckoned with here: {', '.join(spot)}"
    reserved = [
        name for name, p in report.pools.items() if p.capacity_type in ("reservation", "block")
    ]
    if reserved:
        yield f"Reserved nodes are paid for used or not, blocks in advance: {', '.join(reserved)}"
    for name, tenant in report.tenants.items():
        month = tenant.usd_per_hour.most * HOURS_OF_A_MONTH
        if month > tenant.monthly_budget_usd:
            yield (
                f"tenant {name}: {month:,.0f} USD a month at most, the budget is "
                f"{tenant.monthly_budget_usd:,}"
            )
    month = report.usd_per_hour.most * HOURS_OF_A_MONTH
    if month > report.monthly_budget_usd:
        yield (
            f"all nodes at once are {month:,.0f} USD a month, the budget is "
            f"{report.monthly_budget_usd:,}"
        )
    if report.region != report.prices.region:
        yield f"prices are those of {report.prices.region}, not of {report.region}"


def misfit(name: str, model: ModelReport) -> str | None:
    """Why it cannot run anywhere; None where it can."""
    if model.pool:
        return None
    if not model.choices:
        return f"model {name}: no pool is meant for it, do: add one with its workload label"
    reasons = "; ".join(f"{each.pool}: {', '.join(each.why_not)}" for each in model.choices)
    return f"model {name}: fits no pool: {reasons}"


def refuse_misfits(settings: AwsSettings, report: Report) -> None:
    """Models that take traffic and would wait for a node for ever. Raises InputError."""
    found = [
        f"serving:pools: {said}"
        for name, model in report.models.items()
        if name in settings.releases and (said := misfit(name, model))
    ]
    if found:
        raise InputError("\n".join(found))


def _on_model(name: str, model: ModelReport, report: Report) -> Iterator[str]:
    unfit = misfit(name, model)
    if unfit:
        yield unfit
        return
    raise_max = f"do: raise nodes_per_zone.max of {model.pool}"
    for some, when in (
        (model.homeless.least, "at its fewest"),
        (model.homeless.most, "at its most"),
    ):
        if some:
            yield f"model {name}: {some:.0f} replicas have no node {when}, {raise_max}"
            return
    if model.homeless_with_a_zone_lost.least and report.environment == "prod":
        yield (
            f"model {name}: {model.homeless_with_a_zone_lost.least:.0f} replicas have no node with "
            f"a zone lost, {raise_max}"
        )
    start = model.cold_start
    if start and not start.warm_up:
        yield (
            f"model {name}: its weights alone take {start.weights} s, do: raise "
            "health.startup_seconds"
        )
