"""CST-1: which prices are known of the nodes that pools may have."""

from __future__ import annotations

from serving.instance_types import catalogue
from serving.observability import costs
from tests.unit.serving.capacity.pools import pool


def test_every_type_of_every_pool_has_its_price_in_the_list() -> None:
    found = costs.prices([pool("gpu", "g5.xlarge", "g6.xlarge"), pool("cpu", "c7i.2xlarge")])
    assert found == {
        name: catalogue()[name].usd_per_hour for name in ("g5.xlarge", "g6.xlarge", "c7i.2xlarge")
    }


def test_a_type_that_is_in_no_list_has_the_price_that_was_written_down() -> None:
    size = {"vcpu": 4, "memory": "8Gi"}
    found = costs.prices(
        [
            pool("cpu", "own.large", capacity={**size, "usd_per_hour": 0.3}),
            pool("cpu", "other.large", capacity=size),
        ]
    )
    assert found == {"own.large": 0.3}


def test_each_nodes_price_says_which_type_it_is_of() -> None:
    recorded = [each for each in costs.rules([pool("gpu", "g5.xlarge")]) if "labels" in each]
    assert [each["labels"] for each in recorded] == [{"instance_type": "g5.xlarge"}]
