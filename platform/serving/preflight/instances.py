"""The nodes of a stack: which zones offer their types, what is reserved for them, and whether
the account has what Spot takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from serving.pools.pool import Nodes, SystemPool
from serving.preflight.finding import Finding, failed, passed
from serving.preflight.stack import Stack

SPOT_ROLE: Final = "AWSServiceRoleForEC2Spot"


@dataclass(frozen=True, kw_only=True)
class Reservation:
    type: str
    zone: str
    state: str
    instances: int


def offer(stack: Stack, offered: Mapping[str, Collection[str]]) -> list[Finding]:
    """`offered` has the zones of each type."""
    return [_offer(stack, name, pool, offered) for name, pool in stack.settings.pools.items()]


def _offer(stack: Stack, name: str, pool: Nodes, offered: Mapping[str, Collection[str]]) -> Finding:
    types, where = pool.instance_types, zones_of(stack, pool)
    all_types = ", ".join(types)
    bare = [zone for zone in where if not any(zone in offered.get(kind, ()) for kind in types)]
    if bare:
        left = [zone[-1] for zone in where if zone not in bare]
        other = f"write pools.{name}.zones: [{', '.join(left)}], or " if left else ""
        return failed(
            name,
            f"{', '.join(bare)} does not offer {' or '.join(types)}",
            f"{other}name other types",
        )
    lacking = [
        f"{zone} without {kind}"
        for zone in where
        for kind in types
        if zone not in offered.get(kind, ())
    ]
    if lacking:
        return passed(name, f"every zone offers one of {all_types}; {', '.join(lacking)}")
    return passed(name, f"every zone offers {all_types}")


def reservation(stack: Stack, pool_name: str, found: Reservation | None) -> Finding:
    """None where the account has none of that name."""
    pool = stack.settings.pools[pool_name]
    about, do = f"{pool_name}: {pool.reservation}", f"correct pools.{pool_name}"
    if found is None:
        return failed(about, f"is no reservation of this account in {stack.settings.region}", do)
    (zone,), (kind,) = zones_of(stack, pool), pool.instance_types
    sound = ("active", "scheduled") if pool.capacity_type == "block" else ("active",)
    wrong = []
    if found.state not in sound:
        wrong.append(f"is {found.state}, not active")
    if found.type != kind:
        wrong.append(f"is of {found.type}, not of {kind}")
    if found.zone != zone:
        wrong.append(f"is in {found.zone}, not in {zone}")
    if found.instances < pool.nodes_per_zone.max:
        wrong.append(f"is of {found.instances} instances, not of {pool.nodes_per_zone.max}")
    if wrong:
        return failed(about, "; ".join(wrong), do)
    return passed(about, f"{found.state}, {found.instances} × {found.type} in {found.zone}")


def spot_pools(stack: Stack) -> Sequence[str]:
    """Those whose nodes nobody can launch without the role: Auto Scaling, which launches all but
    Karpenter's, may make it itself."""
    if stack.settings.cluster.autoscaler != "karpenter":
        return []
    return [
        name
        for name, pool in stack.settings.pools.items()
        if pool.capacity_type == "spot" and not isinstance(pool, SystemPool)
    ]


def spot_role(stack: Stack, exists: bool) -> list[Finding]:
    if exists:
        return [passed(SPOT_ROLE, "is there")]
    pools = ", ".join(spot_pools(stack))
    said = "the account lacks it, and Karpenter, which may not make it, starts no node of"
    return [
        failed(
            SPOT_ROLE,
            f"{said} {pools}",
            "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
        )
    ]


def zones_of(stack: Stack, pool: Nodes) -> Sequence[str]:
    settings = stack.settings
    return [f"{settings.region}{letter}" for letter in pool.zones or settings.network.zones]
