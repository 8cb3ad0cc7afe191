"""ASC-9: how long a replica takes that needs a new node."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.capacity.cold_start import assumptions, cold_start, seconds, weights_mib
from tests.contracts import changed, contract
from tests.unit.serving.capacity.pools import pool

A10G = pool("gpu", "g5.12xlarge")


def test_weights_are_those_of_all_models_in_the_process_and_nobody_knows_a_strangers() -> None:
    assert weights_mib(contract("writer")) == 40 * 1024
    assert weights_mib(contract("scan")) == 500
    assert weights_mib(contract("forest")) == 0


def test_the_parts_add_up_and_what_the_contract_promises_is_kept() -> None:
    start = cold_start(contract("writer"), A10G)
    assert start.total == start.node + start.image + start.weights + start.warm_up
    assert start.weights + start.warm_up == contract("writer").health.startup_seconds
    assert start.weights == -(-40 * 1024 // assumptions().weights_mib_per_second["oci"])
    assert start.node == assumptions().node_seconds


def test_a_budget_that_weights_alone_use_up_leaves_nothing_for_the_warm_up() -> None:
    start = cold_start(changed("writer", ("health", "startup_seconds"), 60), A10G)
    assert start.warm_up == 0
    assert start.weights > 60


@pytest.mark.parametrize(
    ("there", "mib_per_second", "expected"),
    [
        # 2.5 Gbit/s carry 298 MiB in a second, 40 Gbit/s more than any disk takes.
        (pool("gpu", "g5.xlarge"), 1000, 35),
        (pool("gpu", "g5.12xlarge"), 1000, 11),
        (pool("gpu", "g5.xlarge"), 100, 103),
    ],
)
def test_nothing_is_faster_than_the_network_of_its_node(
    there: object, mib_per_second: int, expected: int
) -> None:
    assert seconds(10 * 1024, mib_per_second, there) == expected  # type: ignore[arg-type]  # a pool


@given(mib=st.integers(0, 1 << 20), speed=st.integers(1, 2000))
def test_more_takes_longer_and_nothing_takes_no_time(mib: int, speed: int) -> None:
    assert seconds(0, speed, A10G) == 0
    assert seconds(mib, speed, A10G) <= seconds(mib + 1, speed, A10G)
    assert seconds(mib, speed + 1, A10G) <= seconds(mib, speed, A10G)
