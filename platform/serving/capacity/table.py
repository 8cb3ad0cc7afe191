"""A report as tables of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from serving.capacity.report import HOURS_OF_A_MONTH, ModelReport, PoolReport, Range, Report
from serving.contract.fields import show_cpu


@dataclass(frozen=True, kw_only=True)
class Table:
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(report: Report) -> Iterator[Table]:
    yield Table(
        title="Pools: nodes, and what each has left for models",
        header=("pool", "nodes", "needed", "type", "cpu", "memory", "usd/h"),
        rows=[_pool(name, pool) for name, pool in report.pools.items()],
    )
    yield Table(
        title="Models: where they fit, and what they cost there",
        header=("model", "tenant", "replicas", "pool", "per node", "usd/h"),
        rows=[_model(name, model, report) for name, model in report.models.items()],
    )
    yield Table(
        title="Cold starts on a new node, in seconds",
        header=("model", "node", "image", "weights", "warm-up", "total"),
        rows=[
            (name, *(f"{part}" for part in (at.node, at.image, at.weights, at.warm_up, at.total)))
            for name, model in report.models.items()
            if (at := model.cold_start)
        ],
    )
    yield Table(
        title="Accelerators: offered, asked for, and spare with a zone lost",
        header=("pool", "resource", "per node", "offered", "asked", "spare least", "spare most"),
        rows=[
            (
                name,
                spare.resource.removeprefix("nvidia.com/"),
                f"{spare.on_a_node}",
                whole(spare.offered),
                whole(spare.asked),
                f"{spare.with_a_zone_lost.least:.0f}",
                f"{spare.with_a_zone_lost.most:.0f}",
            )
            for name, pool in report.pools.items()
            for spare in pool.spare
        ],
    )
    yield Table(
        title="Tenants: what their models cost",
        header=("tenant", "usd/h", "usd/month", "budget/month"),
        rows=[
            (
                name,
                money(tenant.usd_per_hour),
                whole(tenant.usd_per_hour.times(HOURS_OF_A_MONTH)),
                f"{tenant.monthly_budget_usd}",
            )
            for name, tenant in report.tenants.items()
        ],
    )


def summary(report: Report) -> str:
    month = report.usd_per_hour.times(HOURS_OF_A_MONTH)
    unknown = [name for name, pool in report.pools.items() if pool.usd_per_hour is None]
    return (
        f"All nodes{' but those of ' if unknown else ''}{', '.join(unknown)}: "
        f"{money(report.usd_per_hour)} USD/h, {whole(month)} USD a month. On demand, "
        f"{report.prices.region}, price list of {report.prices.date}."
    )


def whole(figures: Range) -> str:
    """`2–4`, or `2` where both are the same."""
    least, most = f"{figures.least:.0f}", f"{figures.most:.0f}"
    return least if least == most else f"{least}–{most}"


def money(figures: Range | None) -> str:
    if figures is None:
        return "unknown"
    least, most = f"{figures.least:.2f}", f"{figures.most:.2f}"
    return least if least == most else f"{least}–{most}"


def _pool(name: str, pool: PoolReport) -> Sequence[str]:
    kinds = pool.instance_types[0] + (" …" if len(pool.instance_types) > 1 else "")
    return (
        name,
        whole(pool.nodes),
        "–" if pool.kind == "system" else whole(pool.needed),
        kinds + ("" if pool.capacity_type == "on-demand" else f", {pool.capacity_type}"),
        show_cpu(pool.room.cpu),
        f"{pool.room.memory_mib}Mi",
        money(pool.usd_per_hour),
    )


def _model(name: str, model: ModelReport, report: Report) -> Sequence[str]:
    pool = model.pool
    return (
        name,
        model.tenant,
        whole(model.replicas),
        pool or "none",
        f"{report.pools[pool].replicas_per_node[name]}" if pool else "0",
        money(model.usd_per_hour),
    )
