"""CLU-1: how a private API server is reached, looked at before it is too late."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from serving.preflight.api_server import Endpoint, reach
from serving.preflight.finding import Finding, Outcome
from tests.unit.serving.preflight.prepared import section, stack

MINE = IPv4Address("203.0.113.7")
INSIDE = Endpoint(addresses=[IPv4Address("10.20.3.4"), IPv4Address("10.20.40.5")], answers=True)
OUTSIDE = Endpoint(addresses=[IPv4Address("198.51.100.20")], answers=True)
SILENT = Endpoint(addresses=INSIDE.addresses, answers=False)


def found(
    endpoint: Endpoint | None,
    public: IPv4Address | None = MINE,
    allowed: tuple[str, ...] = (),
    inside: tuple[str, ...] = ("10.20.0.0/16",),
) -> Finding:
    cluster = {"public_access_cidrs": list(allowed), "private_access_cidrs": list(inside)}
    described = stack(**section("cluster", **cluster))
    (said,) = reach(described, endpoint, public)
    return said


def test_a_machine_inside_of_the_vpc_reaches_it() -> None:
    said = found(INSIDE)
    assert said.outcome is Outcome.PASS
    assert said.said == "answers at 10.20.3.4, 10.20.40.5, inside of the VPC"


def test_a_machine_whose_address_is_let_in_reaches_it_before_it_is_there() -> None:
    said = found(None, allowed=("198.51.100.0/24", "203.0.113.7/32"))
    assert said.outcome is Outcome.PASS
    assert said.said == "203.0.113.7 is within cluster.public_access_cidrs"


def test_a_first_update_of_a_private_cluster_is_told_whom_to_let_in_meanwhile() -> None:
    said = found(None)
    assert said.outcome is Outcome.FAIL
    assert said.do == (
        "for the first update write cluster.public_access_cidrs: [203.0.113.7/32]; then run `up` "
        "on a machine within cluster.private_access_cidrs: 10.20.0.0/16, and take it out again"
    )


def test_an_address_that_is_not_let_in_is_told() -> None:
    said = found(None, allowed=("198.51.100.0/24",))
    assert said.outcome is Outcome.FAIL
    assert said.said == "203.0.113.7 is not within cluster.public_access_cidrs: 198.51.100.0/24"
    assert said.do == "run `up` from there, or add 203.0.113.7/32"


def test_that_it_answers_now_is_not_enough_where_settings_will_shut_it() -> None:
    """The update changes who is let in before it asks for anything."""
    assert found(OUTSIDE).outcome is Outcome.FAIL
    assert found(OUTSIDE, allowed=("198.51.100.0/24",)).outcome is Outcome.FAIL


def test_a_private_one_that_does_not_answer_is_told() -> None:
    said = found(SILENT)
    assert said.outcome is Outcome.FAIL
    assert said.said == "it is reached from inside of the VPC only, and does not answer here"
    assert said.do == (
        "run `up` on a machine within cluster.private_access_cidrs: 10.20.0.0/16, or write "
        "cluster.public_access_cidrs: [203.0.113.7/32]"
    )


@pytest.mark.parametrize("endpoint", [None, SILENT], ids=["first update", "later"])
def test_that_a_machine_inside_of_the_vpc_has_to_be_let_in_too_is_told(
    endpoint: Endpoint | None,
) -> None:
    said = found(endpoint, inside=())
    assert said.do is not None
    assert (
        "whose network cluster.private_access_cidrs has to name (the VPC's: [10.20.0.0/16])"
        in said.do
    )


def test_without_knowing_ones_own_address_nobody_says_it_is_let_in() -> None:
    said = found(None, public=None, allowed=("198.51.100.0/24",))
    assert said.outcome is Outcome.UNKNOWN
    assert said.do == "compare it yourself with cluster.public_access_cidrs: 198.51.100.0/24"


def test_without_knowing_ones_own_address_it_is_left_to_fill_in() -> None:
    said = found(None, public=None)
    assert said.outcome is Outcome.FAIL
    assert said.do is not None
    assert "[<this machine's address>/32]" in said.do
