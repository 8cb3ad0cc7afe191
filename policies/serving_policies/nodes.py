"""Nodes: where they stand, and what somebody gets who breaks out of a pod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from serving_policies.rule import Context, Finding, Level, Resource, Rule
from serving_policies.values import ABSENT, UNKNOWN, Props, at, items, named, true

NODE_GROUP: Final = "aws:eks/nodeGroup:NodeGroup"
LAUNCH_TEMPLATE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
NODE_CLASS: Final = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
"""What Karpenter launches from, in place of a template."""
WITHIN: Final[Mapping[str, str]] = {LAUNCH_TEMPLATE: "", NODE_CLASS: "spec."}

SUBNET: Final = "aws:ec2/subnet:Subnet"
ROUTE: Final = "aws:ec2/route:Route"
TABLE: Final = "aws:ec2/routeTable:RouteTable"
ASSOCIATION: Final = "aws:ec2/routeTableAssociation:RouteTableAssociation"
INTERNET_GATEWAY: Final = "aws:ec2/internetGateway:InternetGateway"


def _private(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    must_be = "subnets of this stack without a route to an internet gateway"
    given = items(at(props, "subnetIds"))
    subnets = [
        each
        for each in ctx.of(SUBNET)
        if each.urn in ctx.links.get("subnetIds", ()) or each.props.get("id") in given
    ]
    for subnet in subnets:
        if _public(subnet, ctx):
            yield Finding(path="subnetIds", value=subnet.name, must_be=must_be)
    if len(subnets) < len(given) or not given:
        # Of a subnet that is not in this stack nobody here knows the routes.
        yield Finding(path="subnetIds", value=UNKNOWN if given else ABSENT, must_be=must_be)


def _public(subnet: Resource, ctx: Context) -> bool:
    if true(at(subnet.props, "mapPublicIpOnLaunch")):
        return True
    mine = [each for each in ctx.of(ASSOCIATION) if _refers(each, "subnetId", subnet)]
    tables = [
        table
        for table in ctx.of(TABLE)
        if any(_refers(association, "routeTableId", table) for association in mine)
    ]
    routes = [
        route
        for route in ctx.of(ROUTE)
        if any(_refers(route, "routeTableId", table) for table in tables)
    ]
    return any(_leads_out(route, "gatewayId", ctx) for route in routes) or any(
        _leads_out(table, "routes", ctx) for table in tables
    )


def _refers(resource: Resource, property_: str, other: Resource) -> bool:
    value = resource.props.get(property_)
    return other.urn in resource.links.get(property_, ()) or (
        isinstance(value, str) and value == other.props.get("id")
    )


def _leads_out(resource: Resource, property_: str, ctx: Context) -> bool:
    gateways = {each.urn for each in ctx.of(INTERNET_GATEWAY)}
    if gateways & resource.links.get(property_, frozenset()):
        return True
    given = resource.props.get(property_)
    values = [given] if isinstance(given, str) else [at(each, "gatewayId") for each in items(given)]
    return any(isinstance(value, str) and value.startswith("igw-") for value in values)


def _token(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    path = f"{WITHIN[kind]}metadataOptions.httpTokens"
    value = at(props, path)
    if value is UNKNOWN or value != "required":
        yield Finding(path=path, value=value, must_be="'required'")


def _one_hop(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    path = f"{WITHIN[kind]}metadataOptions.httpPutResponseHopLimit"
    value = at(props, path)
    if value is UNKNOWN or value is ABSENT or isinstance(value, bool) or not _is_one(value):
        yield Finding(path=path, value=value, must_be="1")


def _is_one(value: Any) -> bool:
    try:
        return float(value) == 1
    except (TypeError, ValueError):
        return False


def _encrypted(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    path = f"{WITHIN[kind]}blockDeviceMappings"
    disks = at(props, path)
    must_be = "true for every disk (without a mapping the image's own counts)"
    if disks is UNKNOWN or not items(disks):
        yield Finding(path=path, value=disks, must_be=must_be)
    for where, mapping in named(props, path):
        if _is_no_disk(mapping):
            continue
        value = at(mapping, "ebs.encrypted")
        if value is UNKNOWN or not true(value):
            yield Finding(path=f"{where}.ebs.encrypted", value=value, must_be=must_be)


def _is_no_disk(mapping: Any) -> bool:
    """A mapping may also take a disk away, or name one of the instance's own."""
    kinds: Sequence[str] = ("noDevice", "virtualName")
    return (
        isinstance(mapping, Mapping) and "ebs" not in mapping and any(k in mapping for k in kinds)
    )


RULES: Final = (
    Rule(
        id="ng-private-subnets",
        level=Level.EVERYWHERE,
        stack=True,
        kinds=(NODE_GROUP,),
        holds="Nodes stand in subnets that the Internet does not reach.",
        risk="Every port that something on a node opens is open to the Internet.",
        fix="give the group private subnets",
        source="CIS-EKS 5.4.3, EKS best practices: hosts",
        check=_private,
    ),
    Rule(
        id="lt-imdsv2",
        level=Level.EVERYWHERE,
        kinds=(LAUNCH_TEMPLATE, NODE_CLASS),
        holds="Nodes give their credentials only to who shows a session token.",
        risk="One request that a pod can be talked into (SSRF) fetches the node's credentials.",
        fix="set httpTokens to required",
        source="EC2.170, CKV_AWS_79",
        check=_token,
    ),
    Rule(
        id="lt-imds-hop-1",
        level=Level.EVERYWHERE,
        kinds=(LAUNCH_TEMPLATE, NODE_CLASS),
        holds="Pods cannot reach the credentials of their node.",
        risk="Every pod may do what its node may, whatever its own role says.",
        fix="set httpPutResponseHopLimit to 1",
        source="CKV_AWS_341, EKS best practices: IAM",
        check=_one_hop,
    ),
    Rule(
        id="lt-ebs-encrypted",
        level=Level.EVERYWHERE,
        kinds=(LAUNCH_TEMPLATE, NODE_CLASS),
        holds="Every disk of a node is encrypted.",
        risk="Weights, prompts in scratch files and tokens lie readable on disks and snapshots.",
        fix="set ebs.encrypted (in a launch template the string 'true') and a key",
        source="EC2.181",
        check=_encrypted,
    ),
)
