"""What reaches what: security groups and the mesh."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from serving_policies.rule import Context, Finding, Level, Rule, belonging, lacking
from serving_policies.values import ABSENT, UNKNOWN, Props, at, items, named

VPC: Final = "aws:ec2/vpc:Vpc"
DEFAULT_GROUP: Final = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
CLASSIC_RULE: Final = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS_RULE: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"

RELEASE: Final = "kubernetes:helm.sh/v3:Release"
AUTHENTICATION: Final = (
    "kubernetes:security.istio.io/v1:PeerAuthentication",
    "kubernetes:security.istio.io/v1beta1:PeerAuthentication",
)

WORLD: Final = {4: 8, 6: 16}
"""What is wider than this is as good as everybody, by version of IP: two halves make a whole."""

LISTS: Final = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")
SOURCES: Final[Mapping[str, str]] = {
    GROUP: "ingress",
    DEFAULT_GROUP: "ingress",
    CLASSIC_RULE: "",
    INGRESS_RULE: "",
}
"""Where a resource has its rules: in a list, or it is one itself."""


def _closed(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    must_be = "adopted by an aws.ec2.DefaultSecurityGroup without rules"
    groups = belonging(ctx, props, "vpcId", DEFAULT_GROUP)
    if not groups:
        path = "its default security group"
        yield Finding(path=path, value=lacking(ctx, props, "vpcId", DEFAULT_GROUP), must_be=must_be)
    for group in groups:
        for direction in ("ingress", "egress"):
            rules = at(group.props, direction)
            if rules is UNKNOWN or items(rules):
                yield Finding(path=f"'{group.name}'.{direction}", value=rules, must_be="[]")


def _no_world(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    place = SOURCES[kind]
    # of a rule by itself the direction is a property, and may not be known
    direction = at(props, "type") if kind == CLASSIC_RULE else "ingress"
    if direction == "egress":
        return
    for path, rule in named(props, place) if place else [("", props)]:
        for each in _sources(path, rule):
            yield replace(each, value=UNKNOWN) if direction is UNKNOWN else each


def _sources(path: str, rule: Any) -> Iterator[Finding]:
    must_be = "networks that are known, none of them as wide as the Internet"
    if rule is UNKNOWN:
        yield Finding(path=path, value=UNKNOWN, must_be=must_be)
        return
    for key in LISTS:
        for where, cidr in named(rule, key):
            if cidr is UNKNOWN or _is_the_world(cidr):
                full = ".".join(filter(None, (path, where)))
                yield Finding(path=full, value=cidr, must_be=must_be)


def _is_the_world(cidr: Any) -> bool:
    try:
        network = ipaddress.ip_network(str(cidr), strict=False)
    except ValueError:
        return True
    return network.prefixlen < WORLD[network.version]


def _strict(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    if kind == RELEASE:
        return _mesh_wide(props, ctx)
    return _nowhere_less(props)


def _mesh_wide(props: Props, ctx: Context) -> Iterator[Finding]:
    """What Istio's control plane finds in its own namespace counts for the whole mesh."""
    if not str(at(props, "chart")).rpartition("/")[2].startswith("istiod"):
        return
    home = at(props, "namespace")
    wanted = (home, ABSENT, "STRICT")
    found = [
        [at(each.props, path) for path in ("metadata.namespace", "spec.selector", "spec.mtls.mode")]
        for each in ctx.of(*AUTHENTICATION)
    ]
    if home is UNKNOWN or not any(tuple(each) == wanted for each in found):
        # one that may turn out to be it
        unsure = home is UNKNOWN or any(
            all(value is UNKNOWN or value == want for value, want in zip(each, wanted, strict=True))
            for each in found
        )
        path = "the PeerAuthentication of its namespace"
        value = UNKNOWN if unsure else ABSENT
        yield Finding(path=path, value=value, must_be="one without a selector, in mode STRICT")


def _nowhere_less(props: Props) -> Iterator[Finding]:
    ports = at(props, "spec.portLevelMtls")
    paths = ["spec.mtls.mode"]
    if isinstance(ports, Mapping):
        paths += [f"spec.portLevelMtls.{port}.mode" for port in ports]
    for path in paths:
        mode = at(props, path)
        # absent and UNSET are what the level above says
        if mode is UNKNOWN or mode not in (ABSENT, "UNSET", "STRICT"):
            yield Finding(path=path, value=mode, must_be="STRICT")
    if ports is UNKNOWN:
        yield Finding(path="spec.portLevelMtls", value=UNKNOWN, must_be="STRICT")


RULES: Final = (
    Rule(
        id="vpc-default-sg-closed",
        level=Level.EVERYWHERE,
        stack=True,
        kinds=(VPC,),
        holds="The default security group of a VPC lets nothing through.",
        risk="What is started without a group of its own talks to all others of its kind.",
        fix="adopt it as aws.ec2.DefaultSecurityGroup with ingress and egress []",
        source="EC2.2, CKV2_AWS_12",
        check=_closed,
    ),
    Rule(
        id="sg-no-world-ingress",
        level=Level.EVERYWHERE,
        kinds=tuple(SOURCES),
        holds="No security group lets the Internet in.",
        risk="The only door is the gateway, whose groups its controller makes; this is another.",
        fix="name a security group or the network of who calls",
        source="EC2.18, EC2.19, CKV_AWS_24, CKV_AWS_277",
        check=_no_world,
    ),
    Rule(
        id="mesh-strict-mtls",
        level=Level.EVERYWHERE,
        stack=True,
        kinds=(*AUTHENTICATION, RELEASE),
        holds="The mesh takes nothing but mutual TLS, on every port.",
        risk="Who may call what is decided by certificates: without them anybody is anybody.",
        fix="set STRICT for the whole mesh, and nothing less anywhere",
        source="Istio: security; SEC-7",
        check=_strict,
    ),
)
