"""What fits on the nodes of a stack, what is spare when a zone is lost, and what it all costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from serving.capacity.cold_start import ColdStart, cold_start
from serving.capacity.fit import per_node, share
from serving.capacity.placing import Choice, Placed, choices, place, replicas
from serving.capacity.room import Room, room
from serving.catalog import Catalog
from serving.contract.model import ModelContract
from serving.instance_types import PriceList, price_list
from serving.pools.node import node, workload
from serving.pools.pool import Nodes
from serving.settings import AwsSettings
from serving.tenancy import PROMOTION_REPLICAS

HOURS_OF_A_MONTH: Final = 730


@dataclass(frozen=True, kw_only=True)
class Range:
    """With as few replicas as models may have, and with as many while all of them are promoted."""

    least: float
    most: float

    def times(self, factor: float) -> Range:
        return Range(least=self.least * factor, most=self.most * factor)


@dataclass(frozen=True, kw_only=True)
class Spare:
    """Of what a pool offers: GPUs, or parts of them."""

    resource: str
    on_a_node: int
    offered: Range
    asked: Range
    with_a_zone_lost: Range
    """With all the nodes that the other zones may have; below zero it is what is missing."""


@dataclass(frozen=True, kw_only=True)
class PoolReport:
    kind: str
    workload: str
    instance_types: Sequence[str]
    capacity_type: str
    zones: Sequence[str]
    nodes: Range
    needed: Range
    """By the models that are placed there."""
    room: Room
    replicas_per_node: Mapping[str, int]
    """Model → how many of it an empty node takes."""
    filled: Sequence[Mapping[str, float]]
    """Each node that is needed at most → the share of it that each model takes."""
    spare: Sequence[Spare]
    usd_per_node: float | None
    """None where the price list has no price."""
    usd_per_hour: Range | None


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    tenant: str
    replicas: Range
    choices: Sequence[Choice]
    homeless: Range
    """Replicas for which there is no node."""
    homeless_with_a_zone_lost: Range
    usd_per_hour: Range | None
    """Of its parts of nodes, in the pool that comes first."""
    cold_start: ColdStart | None
    """On a new node of that pool."""

    @property
    def pool(self) -> str | None:
        """The one that comes first."""
        return next((each.pool for each in self.choices if not each.why_not), None)


@dataclass(frozen=True, kw_only=True)
class TenantReport:
    usd_per_hour: Range
    """Of its models; of whole nodes, where it shares them with nobody."""
    monthly_budget_usd: int


@dataclass(frozen=True, kw_only=True)
class Report:
    environment: str
    region: str
    prices: PriceList
    pools: Mapping[str, PoolReport]
    models: Mapping[str, ModelReport]
    tenants: Mapping[str, TenantReport]
    usd_per_hour: Range
    """Of all nodes whose price is known."""
    monthly_budget_usd: int


@dataclass(frozen=True, kw_only=True)
class _Scene:
    options: Mapping[str, Sequence[str]]
    """Model → the pools that it fits, the best first."""
    few: Placed
    many: Placed

    def homeless(self, model: str) -> Range:
        few, many = (
            sum(replica.model == model for replica in placed.homeless)
            for placed in (self.few, self.many)
        )
        return Range(least=few, most=many)

    def nodes(self, pool: str) -> Range:
        return Range(least=len(self.few.pools[pool].nodes), most=len(self.many.pools[pool].nodes))

    def filled(self, pool: str, has: Room) -> Sequence[Mapping[str, float]]:
        return [
            {
                model: float(sum(share(each.need, has) for each in there if each.model == model))
                for model in dict.fromkeys(each.model for each in there)
            }
            for there in self.many.pools[pool].nodes
        ]

    def asked(self, pool: str, resource: str) -> Range:
        """By those that are there, and by those that would be if it had nodes enough."""
        few, many = (
            sum(
                replica.need.accelerators.get(resource, 0)
                for replica in [
                    *(replica for there in placed.pools[pool].nodes for replica in there),
                    *(each for each in placed.homeless if self.options[each.model][:1] == [pool]),
                ]
            )
            for placed in (self.few, self.many)
        )
        return Range(least=few, most=many)

    def nodes_of(self, tenant: str, pool: str) -> Range:
        """On which it has a replica."""
        few, many = (
            sum(
                any(replica.tenant == tenant for replica in there)
                for there in placed.pools[pool].nodes
            )
            for placed in (self.few, self.many)
        )
        return Range(least=few, most=many)


@dataclass(frozen=True, kw_only=True)
class _Stack:
    settings: AwsSettings
    catalog: Catalog

    def zones(self, pool: Nodes) -> Sequence[str]:
        return pool.zones or self.settings.network.zones

    def nodes(self, pool: Nodes) -> Range:
        zones, size = len(self.zones(pool)), pool.nodes_per_zone
        return Range(least=zones * size.min, most=zones * size.max)

    def left(self, pool: Nodes) -> int:
        """The most nodes that a pool can have without one of its zones."""
        return (len(self.zones(pool)) - 1) * pool.nodes_per_zone.max

    def choices(self, model: ModelContract) -> Sequence[Choice]:
        return choices(model, self.settings.pools, self.settings.environment)

    def replicas(self, model: ModelContract) -> Range:
        scaled = model.scaling.replicas(self.settings.environment)
        return Range(least=scaled.min_replicas, most=scaled.max_replicas + PROMOTION_REPLICAS)

    def scene(self, most: Mapping[str, int]) -> _Scene:
        options = {
            name: [choice.pool for choice in self.choices(model) if not choice.why_not]
            for name, model in self.catalog.models.items()
        }
        counts = {name: self.replicas(model) for name, model in self.catalog.models.items()}
        few = replicas(self.catalog, {name: int(count.least) for name, count in counts.items()})
        many = replicas(self.catalog, {name: int(count.most) for name, count in counts.items()})
        pools = self.settings.pools
        return _Scene(
            options=options,
            few=place(few, options, pools, most),
            many=place(many, options, pools, most),
        )


def report(settings: AwsSettings, catalog: Catalog) -> Report:
    stack = _Stack(settings=settings, catalog=catalog)
    whole = stack.scene({name: int(stack.nodes(p).most) for name, p in settings.pools.items()})
    lost = stack.scene({name: stack.left(pool) for name, pool in settings.pools.items()})
    pools = {name: _pool(name, pool, stack, whole) for name, pool in settings.pools.items()}
    models = {name: _model(model, stack, whole, lost) for name, model in catalog.models.items()}
    return Report(
        environment=settings.environment,
        region=settings.region,
        prices=price_list(),
        pools=pools,
        models=models,
        tenants={
            name: TenantReport(
                usd_per_hour=_of_nodes(name, pools, whole)
                if tenant.dedicated
                else _sum(m.usd_per_hour for m in models.values() if m.tenant == name),
                monthly_budget_usd=tenant.monthly_budget_usd,
            )
            for name, tenant in catalog.tenants.items()
        },
        usd_per_hour=_sum(pool.usd_per_hour for pool in pools.values()),
        monthly_budget_usd=settings.budget.monthly_usd,
    )


def _pool(name: str, pool: Nodes, stack: _Stack, whole: _Scene) -> PoolReport:
    price, nodes = node(pool).usd_per_hour, stack.nodes(pool)
    environment = stack.settings.environment
    return PoolReport(
        kind=pool.kind,
        workload=workload(name, pool),
        instance_types=pool.instance_types,
        capacity_type=pool.capacity_type,
        zones=stack.zones(pool),
        nodes=nodes,
        needed=whole.nodes(name),
        room=room(pool),
        replicas_per_node={
            key: per_node(model, pool, environment)
            for key, model in stack.catalog.models.items()
            if any(choice.pool == name for choice in stack.choices(model))
        },
        filled=whole.filled(name, room(pool)),
        spare=[
            _spare(resource, count, pool, stack, whole.asked(name, resource))
            for resource, count in room(pool).accelerators.items()
        ],
        usd_per_node=price,
        usd_per_hour=None if price is None else nodes.times(price),
    )


def _spare(resource: str, count: int, pool: Nodes, stack: _Stack, asked: Range) -> Spare:
    left = count * stack.left(pool)
    return Spare(
        resource=resource,
        on_a_node=count,
        offered=stack.nodes(pool).times(count),
        asked=asked,
        with_a_zone_lost=Range(least=left - asked.least, most=left - asked.most),
    )


def _model(model: ModelContract, stack: _Stack, whole: _Scene, lost: _Scene) -> ModelReport:
    options, count = stack.choices(model), stack.replicas(model)
    first = next((choice for choice in options if not choice.why_not), None)
    price = first.usd_per_replica if first else None
    return ModelReport(
        tenant=model.tenant,
        replicas=count,
        choices=options,
        homeless=whole.homeless(model.name),
        homeless_with_a_zone_lost=lost.homeless(model.name),
        usd_per_hour=None if price is None else count.times(price),
        cold_start=cold_start(model, stack.settings.pools[first.pool]) if first else None,
    )


def _of_nodes(tenant: str, pools: Mapping[str, PoolReport], whole: _Scene) -> Range:
    return _sum(
        None if pool.usd_per_node is None else whole.nodes_of(tenant, name).times(pool.usd_per_node)
        for name, pool in pools.items()
    )


def _sum(costs: Iterable[Range | None]) -> Range:
    known = [cost for cost in costs if cost]
    return Range(least=sum(c.least for c in known), most=sum(c.most for c in known))
