from __future__ import annotations

from functools import cache
from ipaddress import IPv4Network
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.vpc import ZONE_LETTERS, Vpc, VpcArgs, layout
from tests.conftest import Graph, synthesise

ROUTE = "aws:ec2/route:Route"
SUBNET = "aws:ec2/subnet:Subnet"

cidrs = st.builds(
    lambda prefix, block: str(
        list(IPv4Network("10.0.0.0/12").subnets(new_prefix=prefix))[block % (1 << (prefix - 12))]
    ),
    st.integers(16, 20),
    st.integers(0, 255),
)
zones = st.lists(st.sampled_from(ZONE_LETTERS), min_size=1, unique=True).map(
    lambda letters: [f"us-east-1{letter}" for letter in letters]
)


@given(cidr=cidrs, zones=zones)
def test_no_two_subnets_overlap_and_all_lie_in_the_vpc(cidr: str, zones: list[str]) -> None:
    networks = [network for tiers in layout(cidr, zones).values() for network in tiers.values()]
    assert len(networks) == 3 * len(zones)
    assert all(network.subnet_of(IPv4Network(cidr)) for network in networks)
    assert not any(a.overlaps(b) for index, a in enumerate(networks) for b in networks[index + 1 :])


@given(cidr=cidrs, zones=zones, data=st.data())
def test_adding_a_zone_moves_no_other(cidr: str, zones: list[str], data: st.DataObject) -> None:
    before = data.draw(st.lists(st.sampled_from(zones), min_size=1, unique=True))
    after = layout(cidr, zones)
    assert layout(cidr, before) == {zone: after[zone] for zone in before}


@given(cidr=cidrs, zones=zones)
def test_every_subnet_is_one_that_aws_takes(cidr: str, zones: list[str]) -> None:
    for tiers in layout(cidr, zones).values():
        assert all(16 <= network.prefixlen <= 28 for network in tiers.values())


def test_a_large_vpc_gives_each_zone_four_thousand_pods() -> None:
    assert layout("10.20.0.0/16", ["us-east-1b"])["us-east-1b"] == {
        "private": IPv4Network("10.20.32.0/20"),
        "public": IPv4Network("10.20.48.0/24"),
        "intra": IPv4Network("10.20.49.0/24"),
    }


@pytest.mark.parametrize(
    ("cidr", "zones", "message"),
    [
        ("10.0.0.0/8", ["us-east-1a"], "a /16 to a /20, got 10.0.0.0/8"),
        ("10.0.0.0/21", ["us-east-1a"], "a /16 to a /20"),
        ("10.0.0.1/16", ["us-east-1a"], "host bits set"),
        ("10.0.0.0/16", [], "different letters"),
        ("10.0.0.0/16", ["us-east-1a", "us-west-2a"], "different letters"),
        ("10.0.0.0/16", ["us-east-1z"], "letters of a to h, got us-east-1z"),
    ],
)
def test_args_that_have_no_layout_are_refused(cidr: str, zones: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VpcArgs(cidr=cidr, zones=zones, nat="single")


ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


@cache
def vpc(nat: Literal["single", "per-zone"]) -> Graph:
    args = VpcArgs(cidr="10.20.0.0/16", zones=ZONES, nat=nat)
    return synthesise(lambda: Vpc("vpc", args))


def gateway_of(graph: Graph, zone: str) -> str:
    return str(graph.one(ROUTE, f"vpc-private-{zone}").inputs["natGatewayId"])


def test_each_zone_leaves_through_its_own_gateway() -> None:
    graph = vpc("per-zone")
    assert {zone: gateway_of(graph, zone) for zone in ZONES} == {
        zone: f"vpc-{zone}" for zone in ZONES
    }
    assert len(graph.all("aws:ec2/eip:Eip")) == 3


def test_one_gateway_serves_all_zones_where_that_is_enough() -> None:
    graph = vpc("single")
    assert {gateway_of(graph, zone) for zone in ZONES} == {"vpc-us-east-1a"}
    assert len(graph.all("aws:ec2/natGateway:NatGateway")) == 1


def test_gateways_wait_for_the_way_to_the_internet() -> None:
    graph = vpc("single")
    internet = graph.one("aws:ec2/internetGateway:InternetGateway")
    assert internet.urn in graph.one("aws:ec2/natGateway:NatGateway").dependencies


def test_only_public_subnets_have_a_route_to_the_internet() -> None:
    graph = vpc("per-zone")
    table = graph.one("aws:ec2/route:Route", "vpc-public").inputs["routeTableId"]
    attached = {
        each.inputs["subnetId"]
        for each in graph.all("aws:ec2/routeTableAssociation:RouteTableAssociation")
        if each.inputs["routeTableId"] == table
    }
    assert attached == {f"vpc-public-{zone}" for zone in ZONES}


def test_the_intra_subnets_have_no_route_out_at_all() -> None:
    graph = vpc("per-zone")
    associations = graph.all("aws:ec2/routeTableAssociation:RouteTableAssociation")
    assert not [each for each in associations if "intra" in each.inputs["subnetId"]]


def test_load_balancers_find_the_subnets_meant_for_them() -> None:
    graph = vpc("single")
    for zone in ZONES:
        public = graph.one(SUBNET, f"vpc-public-{zone}").inputs["tags"]
        private = graph.one(SUBNET, f"vpc-private-{zone}").inputs["tags"]
        assert public["kubernetes.io/role/elb"] == "1"
        assert private["kubernetes.io/role/internal-elb"] == "1"
        assert "kubernetes.io/role/elb" not in private


def test_no_subnet_hands_out_public_addresses() -> None:
    subnets = vpc("single").all(SUBNET)
    assert [each for each in subnets if each.inputs["mapPublicIpOnLaunch"] is not False] == []


def test_the_default_security_group_is_closed() -> None:
    group = vpc("single").one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert group.inputs["ingress"] == []
    assert group.inputs["egress"] == []
