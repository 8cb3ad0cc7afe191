"""Service quotas: what a stack needs of each at its largest, and what is left for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from serving.pools.node import node
from serving.pools.pool import Nodes
from serving.preflight.finding import Finding, failed, passed, unknown
from serving.preflight.stack import Stack
from serving.settings import AwsSettings


@dataclass(frozen=True, kw_only=True)
class Quota:
    service: str
    code: str
    name: str
    counts: str = ""


def _vcpus(code: str, name: str) -> Quota:
    return Quota(service="ec2", code=code, name=name, counts=" vCPUs")


# AWS, "Amazon EC2 instance type quotas" (ec2/latest/instancetypes/ec2-instance-quotas).
ON_DEMAND_G: Final = _vcpus("L-DB2E81BA", "Running On-Demand G and VT instances")
ON_DEMAND_P: Final = _vcpus("L-417A185B", "Running On-Demand P instances")
ON_DEMAND_STANDARD: Final = _vcpus("L-1216C47A", "Running On-Demand Standard instances")
SPOT_G: Final = _vcpus("L-3819A6DF", "All G and VT Spot Instance Requests")
SPOT_P: Final = _vcpus("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests")
SPOT_P5: Final = _vcpus("L-C4BD4855", "All P5 Spot Instance Requests")
SPOT_STANDARD: Final = _vcpus("L-34B43A08", "All Standard Spot Instance Requests")

# As `aws service-quotas list-aws-default-service-quotas` tells them.
ADDRESSES: Final = Quota(service="ec2", code="L-0263D0A3", name="EC2-VPC Elastic IPs")
BALANCERS: Final = Quota(
    service="elasticloadbalancing", code="L-69A177A2", name="Network Load Balancers per Region"
)
VPCS: Final = Quota(service="vpc", code="L-F678F1CE", name="VPCs per Region")

_STANDARD: Final = frozenset({"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"})


@dataclass(frozen=True, kw_only=True)
class Need:
    least: int
    """With as few nodes as pools may have: what the first update asks for."""
    most: int
    pools: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One that runs."""

    type: str
    spot: bool
    vcpu: int
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Limit:
    name: str
    """As AWS has it."""
    value: int


def quota_of(instance_type: str, *, spot: bool) -> Quota | None:
    """None where this project does not know which it is."""
    match = re.match(r"([a-z]+)([0-9]+)", instance_type)
    family, generation = match.groups() if match else ("", "0")
    if family in ("g", "gr", "vt"):
        return SPOT_G if spot else ON_DEMAND_G
    if family in _STANDARD:
        return SPOT_STANDARD if spot else ON_DEMAND_STANDARD
    if family == "p" and not spot:
        return ON_DEMAND_P
    if family == "p" and int(generation) <= 5:
        return SPOT_P5 if generation == "5" else SPOT_P
    return None


def needs(settings: AwsSettings) -> Mapping[Quota, Need]:
    """A pool that may take types of several quotas needs all of each."""
    found: dict[Quota, Need] = {}
    for name, pool in _counted(settings):
        zones, vcpu = len(pool.zones or settings.network.zones), node(pool).vcpu
        for quota in _quotas(pool):
            before = found.get(quota, Need(least=0, most=0))
            found[quota] = Need(
                least=before.least + pool.nodes_per_zone.min * zones * vcpu,
                most=before.most + pool.nodes_per_zone.max * zones * vcpu,
                pools=(*before.pools, name),
            )
    nats = len(settings.network.zones) if settings.network.nat == "per-zone" else 1
    return {
        **found,
        ADDRESSES: Need(least=nats, most=nats),
        BALANCERS: Need(least=1, most=1),
        VPCS: Need(least=1, most=1),
    }


def unplaced(settings: AwsSettings) -> Iterator[Finding]:
    """Types of which it is not known which quota they count towards."""
    for name, pool in _counted(settings):
        for kind in pool.instance_types:
            if quota_of(kind, spot=pool.capacity_type == "spot") is None:
                yield unknown(
                    name,
                    f"which quota {kind} counts towards is not known here",
                    "look it up: aws service-quotas list-service-quotas --service-code ec2 "
                    f"--region {settings.region}",
                )


def taken(stack: Stack, instances: Iterable[Instance]) -> Mapping[Quota, int]:
    """vCPUs by others than the stack."""
    found: dict[Quota, int] = {}
    for each in instances:
        quota = quota_of(each.type, spot=each.spot)
        if quota and not stack.owns(each.tags):
            found[quota] = found.get(quota, 0) + each.vcpu
    return found


def enough(stack: Stack, quota: Quota, limit: Limit, others: int) -> Finding:
    need, region = needs(stack.settings)[quota], stack.settings.region
    asked = f"{need.most}" if need.least == need.most else f"{need.least} to {need.most}"
    said = f"needs {asked}{quota.counts}; {limit.value} allowed, {others} taken by others"
    about = f"{limit.name} ({quota.code})"
    if need.most <= limit.value - others:
        return passed(about, said)
    do = (
        f"aws service-quotas request-service-quota-increase --region {region} --service-code "
        f"{quota.service} --quota-code {quota.code} --desired-value {others + need.most}"
    )
    if need.pools:
        do += f", or lower nodes_per_zone.max of {', '.join(need.pools)}"
    return failed(about, said, do)


def _counted(settings: AwsSettings) -> Iterator[tuple[str, Nodes]]:
    """What is reserved counts already, used or not."""
    for name, pool in settings.pools.items():
        if pool.capacity_type in ("on-demand", "spot"):
            yield name, pool


def _quotas(pool: Nodes) -> Iterable[Quota]:
    spot = pool.capacity_type == "spot"
    found = (quota_of(kind, spot=spot) for kind in pool.instance_types)
    return dict.fromkeys(quota for quota in found if quota)
