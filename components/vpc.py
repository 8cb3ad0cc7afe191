"""A VPC: public, private and intra subnets in every zone, and the ways out of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final, Literal, TypeAlias

import pulumi
import pulumi_aws as aws

Tier: TypeAlias = Literal["public", "private", "intra"]

ZONE_LETTERS: Final = "abcdefgh"

LOAD_BALANCER_TAGS: Final[Mapping[Tier, Mapping[str, str]]] = {
    "public": {"kubernetes.io/role/elb": "1"},
    "private": {"kubernetes.io/role/internal-elb": "1"},
    "intra": {},
}
"""What the load balancer controller finds its subnets by."""


@dataclass(frozen=True, kw_only=True)
class VpcArgs:
    cidr: str
    zones: Sequence[str]
    nat: Literal["single", "per-zone"]
    """`single` costs less, but a failure of its zone cuts the other zones off too."""

    def __post_init__(self) -> None:
        layout(self.cidr, self.zones)


class Vpc(pulumi.ComponentResource):
    id: pulumi.Output[str]
    private_subnets: Mapping[str, pulumi.Output[str]]
    """Zone → subnet of nodes and pods."""
    private_route_tables: Mapping[str, pulumi.Output[str]]
    """Zone → route table of the private subnet."""
    intra_subnets: Mapping[str, pulumi.Output[str]]
    """Zone → subnet without a way out, of the AWS endpoints."""
    intra_cidrs: Mapping[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: VpcArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Vpc", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": name},
            opts=within,
        )
        # Until it is adopted without rules, its members may talk to each other.
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default", vpc_id=vpc.id, ingress=[], egress=[], opts=within
        )
        networks = layout(args.cidr, args.zones)
        public = _subnets(name, "public", vpc, networks, within)
        private = _subnets(name, "private", vpc, networks, within)
        intra = _subnets(name, "intra", vpc, networks, within)

        internet = aws.ec2.InternetGateway(name, vpc_id=vpc.id, opts=within)
        _public_routes(name, vpc, internet, public, within)
        after_internet = pulumi.ResourceOptions(parent=self, depends_on=[internet])
        gateways = _nat_gateways(name, args, public, after_internet)
        route_tables = _private_routes(name, vpc, gateways, private, within)

        self.id = vpc.id
        self.private_subnets = {zone: subnet.id for zone, subnet in private.items()}
        self.private_route_tables = {zone: table.id for zone, table in route_tables.items()}
        self.intra_subnets = {zone: subnet.id for zone, subnet in intra.items()}
        self.intra_cidrs = {zone: subnet.cidr_block for zone, subnet in intra.items()}
        self.register_outputs(
            {
                "id": self.id,
                "private_subnets": self.private_subnets,
                "private_route_tables": self.private_route_tables,
                "intra_subnets": self.intra_subnets,
                "intra_cidrs": self.intra_cidrs,
            }
        )


def layout(cidr: str, zones: Sequence[str]) -> Mapping[str, Mapping[Tier, IPv4Network]]:
    """The networks of each zone. A zone's eighth of the VPC follows from the letter its name ends
    in, so that adding a zone moves no other."""
    vpc = ipaddress.IPv4Network(cidr)
    if not 16 <= vpc.prefixlen <= 20:
        raise ValueError(f"cidr must be a /16 to a /20, got {cidr}")
    letters = {zone[-1:] for zone in zones}
    if not zones or len(letters) != len(zones) or not letters <= set(ZONE_LETTERS):
        raise ValueError(f"zones must end in different letters of a to h, got {', '.join(zones)}")
    blocks = dict(zip(ZONE_LETTERS, vpc.subnets(prefixlen_diff=3), strict=True))
    return {zone: _tiers(blocks[zone[-1]]) for zone in zones}


def _tiers(block: IPv4Network) -> Mapping[Tier, IPv4Network]:
    """Half for pods, which take an address each; a sixteenth of the rest for each other tier."""
    private, rest = block.subnets()
    public, intra, *_ = rest.subnets(prefixlen_diff=4)
    return {"public": public, "private": private, "intra": intra}


def _subnets(
    name: str,
    tier: Tier,
    vpc: aws.ec2.Vpc,
    networks: Mapping[str, Mapping[Tier, IPv4Network]],
    opts: pulumi.ResourceOptions,
) -> Mapping[str, aws.ec2.Subnet]:
    return {
        zone: aws.ec2.Subnet(
            f"{name}-{tier}-{zone}",
            vpc_id=vpc.id,
            availability_zone=zone,
            cidr_block=str(network[tier]),
            map_public_ip_on_launch=False,
            tags={"Name": f"{name}-{tier}-{zone}", **LOAD_BALANCER_TAGS[tier]},
            opts=opts,
        )
        for zone, network in networks.items()
    }


def _public_routes(
    name: str,
    vpc: aws.ec2.Vpc,
    internet: aws.ec2.InternetGateway,
    subnets: Mapping[str, aws.ec2.Subnet],
    opts: pulumi.ResourceOptions,
) -> None:
    table = aws.ec2.RouteTable(f"{name}-public", vpc_id=vpc.id, opts=opts)
    aws.ec2.Route(
        f"{name}-public",
        route_table_id=table.id,
        destination_cidr_block="0.0.0.0/0",
        gateway_id=internet.id,
        opts=opts,
    )
    for zone, subnet in subnets.items():
        aws.ec2.RouteTableAssociation(
            f"{name}-public-{zone}", subnet_id=subnet.id, route_table_id=table.id, opts=opts
        )


def _nat_gateways(
    name: str,
    args: VpcArgs,
    subnets: Mapping[str, aws.ec2.Subnet],
    opts: pulumi.ResourceOptions,
) -> Mapping[str, aws.ec2.NatGateway]:
    """Zone → the gateway that its private subnet leaves through."""
    homes = args.zones if args.nat == "per-zone" else args.zones[:1]
    gateways = {}
    for zone in homes:
        address = aws.ec2.Eip(f"{name}-nat-{zone}", domain="vpc", opts=opts)
        gateways[zone] = aws.ec2.NatGateway(
            f"{name}-{zone}", allocation_id=address.id, subnet_id=subnets[zone].id, opts=opts
        )
    return {zone: gateways.get(zone, gateways[homes[0]]) for zone in args.zones}


def _private_routes(
    name: str,
    vpc: aws.ec2.Vpc,
    gateways: Mapping[str, aws.ec2.NatGateway],
    subnets: Mapping[str, aws.ec2.Subnet],
    opts: pulumi.ResourceOptions,
) -> Mapping[str, aws.ec2.RouteTable]:
    tables = {}
    for zone, subnet in subnets.items():
        tables[zone] = aws.ec2.RouteTable(f"{name}-private-{zone}", vpc_id=vpc.id, opts=opts)
        aws.ec2.Route(
            f"{name}-private-{zone}",
            route_table_id=tables[zone].id,
            destination_cidr_block="0.0.0.0/0",
            nat_gateway_id=gateways[zone].id,
            opts=opts,
        )
        aws.ec2.RouteTableAssociation(
            f"{name}-private-{zone}", subnet_id=subnet.id, route_table_id=tables[zone].id, opts=opts
        )
    return tables
