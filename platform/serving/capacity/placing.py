"""Which pool each model goes to, and what is placed where when all of them do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from serving.capacity.fit import meant_for, misfits, need, usd_per_replica
from serving.capacity.packing import Packed, Replica, pack
from serving.capacity.room import room
from serving.catalog import Catalog
from serving.contract.model import Environment, ModelContract
from serving.pools.pool import Nodes


@dataclass(frozen=True, kw_only=True)
class Choice:
    pool: str
    why_not: tuple[str, ...]
    """Nothing where the model fits."""
    usd_per_replica: float | None
    """An hour of its part of a node."""


def choices(
    model: ModelContract, pools: Mapping[str, Nodes], environment: Environment
) -> Sequence[Choice]:
    """The pools that are meant for it: those it fits first, of these the cheapest first."""
    found = [
        Choice(pool=name, why_not=why_not, usd_per_replica=_price(model, pool, why_not))
        for name, pool in pools.items()
        if meant_for(model, name, pool)
        for why_not in [misfits(model, pool, environment)]
    ]
    return sorted(found, key=lambda each: (bool(each.why_not), _dear(each), each.pool))


@dataclass(frozen=True, kw_only=True)
class Placed:
    pools: Mapping[str, Packed]
    homeless: Sequence[Replica]
    """For which no pool that they fit has a node left."""


def replicas(catalog: Catalog, counts: Mapping[str, int]) -> Sequence[Replica]:
    """So many of each model."""
    return [
        Replica(
            model=name,
            tenant=model.tenant,
            dedicated=catalog.tenants[model.tenant].dedicated,
            need=need(model),
        )
        for name, model in catalog.models.items()
        for _ in range(counts[name])
    ]


def place(
    wanted: Sequence[Replica],
    options: Mapping[str, Sequence[str]],
    pools: Mapping[str, Nodes],
    most: Mapping[str, int],
) -> Placed:
    """Each model has its pools in `options`, the best first; what finds no place in one tries the
    next. Of each pool there are `most` nodes."""
    homes: dict[str, list[Replica]] = {name: [] for name in pools}
    homeless: list[Replica] = []

    def send(replica: Replica, after: str | None) -> None:
        known = options[replica.model]
        later = known[known.index(after) + 1 :] if after else known
        (homes[later[0]] if later else homeless).append(replica)

    for replica in wanted:
        send(replica, None)
    while True:
        packed = {name: pack(homes[name], room(pool), most[name]) for name, pool in pools.items()}
        if not any(each.unplaced for each in packed.values()):
            return Placed(pools=packed, homeless=homeless)
        homes = {
            name: [replica for node in each.nodes for replica in node]
            for name, each in packed.items()
        }
        for name, each in packed.items():
            for replica in each.unplaced:
                send(replica, name)


def _price(model: ModelContract, pool: Nodes, why_not: tuple[str, ...]) -> float | None:
    return None if why_not else usd_per_replica(model, pool)


def _dear(choice: Choice) -> float:
    return inf if choice.usd_per_replica is None else choice.usd_per_replica
