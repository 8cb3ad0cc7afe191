"""The region, the zones, and the network beside those that are there."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.preflight import place
from serving.preflight.finding import Outcome
from serving.preflight.place import Vpc, Zone
from serving.settings.aws import SERVICES
from tests.unit.serving.preflight.prepared import OURS, section, stack


@pytest.mark.parametrize(
    ("state", "outcome", "said"),
    [
        ("opt-in-not-required", Outcome.PASS, "is enabled (opt-in-not-required)"),
        ("opted-in", Outcome.PASS, "is enabled (opted-in)"),
        ("not-opted-in", Outcome.FAIL, "is not enabled in this account (not-opted-in)"),
    ],
)
def test_a_region_has_to_be_enabled(state: str, outcome: Outcome, said: str) -> None:
    (found,) = place.region(stack(region="ap-east-1"), {"ap-east-1": state})
    assert (found.outcome, found.said) == (outcome, said)


def test_how_to_enable_a_region_is_said() -> None:
    (found,) = place.region(stack(region="ap-east-1"), {"ap-east-1": "not-opted-in"})
    assert found.do is not None
    assert found.do.startswith("aws account enable-region --region-name ap-east-1;")


def test_a_region_that_is_none_is_answered_with_those_that_are() -> None:
    known = {"us-west-2": "opt-in-not-required", "eu-west-1": "opt-in-not-required"}
    (found,) = place.region(stack(region="eu-west-7"), known)
    assert (found.outcome, found.said, found.do) == (
        Outcome.FAIL, "is no region of AWS", "write one of eu-west-1, us-west-2",
    )  # fmt: skip


def zone(id_: str, *, available: bool = True) -> Zone:
    return Zone(id=id_, available=available)


def test_zones_that_are_there_are_one_line() -> None:
    known = {f"us-east-1{letter}": zone(f"use1-az{n}") for n, letter in enumerate("abc", start=4)}
    (found,) = place.zones(stack(), known)
    assert (found.outcome, found.about) == (Outcome.PASS, "us-east-1a, us-east-1b, us-east-1c")


def test_each_zone_that_will_not_do_is_named_with_those_that_will() -> None:
    known = {
        "us-east-1a": zone("use1-az3"),
        "us-east-1b": zone("use1-az4", available=False),
        "us-east-1d": zone("use1-az5"),
        "us-east-1e": zone("use1-az6"),
    }
    found = place.zones(stack(), known)
    assert [(each.outcome, each.about, each.said) for each in found] == [
        (Outcome.FAIL, "us-east-1a", "is use1-az3, where EKS makes no control plane"),
        (Outcome.FAIL, "us-east-1b", "is not available"),
        (Outcome.FAIL, "us-east-1c", "is no zone of this account"),
    ]
    assert {each.do for each in found} == {"write network.zones of d, e"}


def vpc(*cidrs: str, **tags: str) -> Vpc:
    return Vpc(id="vpc-1", networks=[IPv4Network(cidr) for cidr in cidrs], tags=tags)


def test_a_network_beside_all_others_is_well() -> None:
    (found,) = place.network(stack(), [vpc("172.31.0.0/16"), vpc("10.21.0.0/16")])
    assert found.outcome is Outcome.PASS
    assert found.said == "no other VPC of the region overlaps with it (2 there)"


def test_a_network_that_overlaps_is_told_with_one_that_does_not() -> None:
    others = [vpc("192.168.0.0/16", "10.20.128.0/20", Name="office"), vpc("10.0.0.0/14")]
    (found,) = place.network(stack(), others)
    assert (found.outcome, found.about) == (Outcome.FAIL, "10.20.0.0/16")
    assert found.said == (
        "overlaps with 10.20.128.0/20 of vpc-1 (office): the two can never be connected"
    )
    assert found.do == "write network.cidr: 10.4.0.0/16"


def test_a_stack_does_not_clash_with_itself() -> None:
    (found,) = place.network(stack(), [vpc("10.20.0.0/16", **OURS)])
    assert found.outcome is Outcome.PASS


def test_where_no_network_is_left_none_is_made_up() -> None:
    everything = vpc("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
    (found,) = place.network(stack(), [everything])
    assert found.do == "remove a VPC that nobody needs"


NETWORKS = st.builds(
    lambda base, prefix: IPv4Network((base, prefix), strict=False),
    st.one_of(
        st.integers(10 << 24, (11 << 24) - 1),
        st.integers((172 << 24) + (16 << 16), (172 << 24) + (32 << 16) - 1),
        st.integers((192 << 24) + (168 << 16), (192 << 24) + (169 << 16) - 1),
    ),
    st.integers(9, 28),
)


@given(st.integers(16, 20), st.lists(NETWORKS, max_size=20))
def test_a_free_network_is_private_of_the_size_asked_for_and_overlaps_nothing(
    prefix: int, taken: list[IPv4Network]
) -> None:
    found = place.free(prefix, taken)
    if found is None:
        assert any(each.prefixlen <= 9 for each in taken)
        return
    assert (found.prefixlen, found.is_private) == (prefix, True)
    assert not any(found.overlaps(each) for each in [SERVICES, *taken])


PROD = stack()


@given(NETWORKS)
def test_networks_clash_exactly_where_they_share_an_address(other: IPv4Network) -> None:
    cidr = IPv4Network("10.20.0.0/16")
    (found,) = place.network(PROD, [vpc(str(other))])
    shared = other[0] in cidr or cidr[0] in other
    assert (found.outcome is Outcome.FAIL) == shared


def test_the_network_that_is_proposed_for_a_clash_is_one_that_settings_take() -> None:
    (found,) = place.network(stack(), [vpc("10.20.0.0/16")])
    assert found.do is not None
    cidr = found.do.rpartition(" ")[2]
    changed = section("network", cidr=cidr)
    (again,) = place.network(stack(**changed), [vpc("10.20.0.0/16")])
    assert again.outcome is Outcome.PASS
