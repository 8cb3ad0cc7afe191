"""Whether what runs `pulumi up` here will reach the cluster's API server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from serving.preflight.finding import Finding, failed, passed, unknown
from serving.preflight.stack import Stack

ABOUT = "from this machine"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Of a cluster that is there."""

    addresses: Sequence[IPv4Address]
    """What its name means here: inside of the VPC, addresses of the VPC."""
    answers: bool


def reach(stack: Stack, endpoint: Endpoint | None, public: IPv4Address | None) -> list[Finding]:
    """`public` is where this machine's requests come from, None if it could not be learned."""
    network, allowed = stack.settings.network.cidr, stack.settings.cluster.public_access_cidrs
    if endpoint and endpoint.answers and all(each in network for each in endpoint.addresses):
        shown = ", ".join(map(str, endpoint.addresses))
        return [passed(ABOUT, f"answers at {shown}, inside of the VPC")]
    if allowed and public is None:
        return [
            unknown(
                ABOUT,
                "which address its requests come from could not be learned",
                f"compare it yourself with cluster.public_access_cidrs: {_all(allowed)}",
            )
        ]
    if any(public in each for each in allowed if public):
        return [passed(ABOUT, f"{public} is within cluster.public_access_cidrs")]
    mine = f"{public}/32" if public else "<this machine's address>/32"
    if allowed:
        return [
            failed(
                ABOUT,
                f"{public} is not within cluster.public_access_cidrs: {_all(allowed)}",
                f"run `up` from there, or add {mine}",
            )
        ]
    if endpoint is None:
        return [
            failed(
                ABOUT,
                "nobody is inside of a VPC that is not there yet: `up` would make the cluster, and "
                "nothing in it",
                f"for the first update write cluster.public_access_cidrs: [{mine}]; then run `up` "
                f"on a machine {_inside(stack)}, and take it out again",
            )
        ]
    return [
        failed(
            ABOUT,
            "it is reached from inside of the VPC only, and does not answer here",
            f"run `up` on a machine {_inside(stack)}, or write "
            f"cluster.public_access_cidrs: [{mine}]",
        )
    ]


def _inside(stack: Stack) -> str:
    if named := stack.settings.cluster.private_access_cidrs:
        return f"within cluster.private_access_cidrs: {_all(named)}"
    return (
        "in the VPC or connected to it, whose network cluster.private_access_cidrs has to name "
        f"(the VPC's: [{stack.settings.network.cidr}])"
    )


def _all(networks: Sequence[object]) -> str:
    return ", ".join(map(str, networks))
