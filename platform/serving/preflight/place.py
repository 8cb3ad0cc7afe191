"""Where a stack is built: its region, its zones, its network beside those of the account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from serving.preflight.finding import Finding, failed, passed
from serving.preflight.stack import Stack
from serving.settings.aws import SERVICES

WITHOUT_EKS: Final = frozenset({"cac1-az3", "use1-az3", "usw1-az2"})
"""Ids of zones in which EKS makes no control plane (EKS user guide, "Subnet requirements for
clusters"). Which letter has them differs from account to account."""

_PRIVATE: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


@dataclass(frozen=True, kw_only=True)
class Zone:
    id: str
    """The same in every account."""
    available: bool


@dataclass(frozen=True, kw_only=True)
class Vpc:
    id: str
    networks: Sequence[IPv4Network]
    tags: Mapping[str, str]


def region(stack: Stack, states: Mapping[str, str]) -> list[Finding]:
    """`states` has how the account stands to each region."""
    wanted = stack.settings.region
    match states.get(wanted):
        case "opt-in-not-required" | "opted-in" as state:
            return [passed(wanted, f"is enabled ({state})")]
        case None:
            others = ", ".join(sorted(states))
            return [failed(wanted, "is no region of AWS", f"write one of {others}")]
        case state:
            do = f"aws account enable-region --region-name {wanted}; it takes minutes to hours"
            return [failed(wanted, f"is not enabled in this account ({state})", do)]


def zones(stack: Stack, known: Mapping[str, Zone]) -> list[Finding]:
    """`known` are those of the region, by name."""
    letters = ", ".join(name[-1] for name, zone in sorted(known.items()) if usable(zone))
    do = f"write network.zones of {letters or 'another region'}"
    found = []
    for name in stack.settings.zones:
        zone = known.get(name)
        if zone is None:
            found.append(failed(name, "is no zone of this account", do))
        elif zone.id in WITHOUT_EKS:
            found.append(failed(name, f"is {zone.id}, where EKS makes no control plane", do))
        elif not zone.available:
            found.append(failed(name, "is not available", do))
    return found or [passed(", ".join(stack.settings.zones), "are there, and EKS is in them")]


def usable(zone: Zone) -> bool:
    return zone.available and zone.id not in WITHOUT_EKS


def network(stack: Stack, vpcs: Iterable[Vpc]) -> list[Finding]:
    """Networks that overlap can never be connected, and a VPC's is for good."""
    cidr = stack.settings.network.cidr
    others = [vpc for vpc in vpcs if not stack.owns(vpc.tags)]
    clashes = [(vpc, each) for vpc in others for each in vpc.networks if each.overlaps(cidr)]
    if not clashes:
        said = f"no other VPC of the region overlaps with it ({len(others)} there)"
        return [passed(f"{cidr}", said)]
    other = free(cidr.prefixlen, [each for vpc in others for each in vpc.networks])
    do = f"write network.cidr: {other}" if other else "remove a VPC that nobody needs"
    return [
        failed(
            f"{cidr}",
            f"overlaps with {each} of {vpc.id}{_named(vpc)}: the two can never be connected",
            do,
        )
        for vpc, each in clashes
    ]


def free(prefix: int, taken: Sequence[IPv4Network]) -> IPv4Network | None:
    """The first private network of this size beside these and that of Services."""
    for private in _PRIVATE:
        for each in private.subnets(new_prefix=prefix):
            if not any(each.overlaps(other) for other in (SERVICES, *taken)):
                return each
    return None


def _named(vpc: Vpc) -> str:
    name = vpc.tags.get("Name")
    return f" ({name})" if name else ""
