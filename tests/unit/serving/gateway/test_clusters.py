from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from serving.gateway.clusters import clusters
from serving.gateway.table import Served
from tests.contracts import contract
from tests.unit.serving.gateway.gateways import any_served, gateway, served

PROMOTED = served(contract("scan"), stable=1, canary=2, weight=10)


def by_name(one: Served) -> dict[str, dict[str, Any]]:
    found = clusters(gateway(one))["resources"]
    assert len({cluster["name"] for cluster in found}) == len(found)
    return {cluster["name"]: cluster for cluster in found}


def servers_of(cluster: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Name, port and version of each."""
    (locality,) = cluster["load_assignment"]["endpoints"]
    return [
        (
            one["endpoint"]["hostname"],
            one["endpoint"]["address"]["socket_address"]["port_value"],
            one["metadata"]["filter_metadata"]["serving"]["version"],
        )
        for one in locality["lb_endpoints"]
    ]


@given(any_served())
def test_members_of_an_aggregate_are_clusters(one: Served) -> None:
    found = by_name(one)
    for cluster in found.values():
        members = cluster.get("cluster_type", {}).get("typed_config", {}).get("clusters", ())
        assert set(members) <= found.keys()


@given(any_served())
def test_both_protocols_count_under_one_name(one: Served) -> None:
    for name, cluster in by_name(one).items():
        assert cluster["alt_stat_name"] == name.removesuffix("-grpc")


@given(any_served())
def test_a_servers_version_is_what_its_name_says(one: Served) -> None:
    for cluster in by_name(one).values():
        for name, _, version in servers_of(cluster) if "load_assignment" in cluster else ():
            assert name.rsplit("-", 2)[1] == version


def test_the_servers_of_a_version() -> None:
    found = by_name(served(contract("scan"), 2, stable=1, canary=2))
    assert servers_of(found["scan-2-pods"]) == [
        ("scan-2-0", 10_200, "2"), ("scan-2-1", 10_201, "2"),
    ]  # fmt: skip
    assert servers_of(found["scan-2-pods-grpc"]) == [
        ("scan-2-0", 20_200, "2"), ("scan-2-1", 20_201, "2"),
    ]  # fmt: skip


@pytest.mark.parametrize("version", [1, 2])
def test_stable_takes_over_from_whom_fails(version: int) -> None:
    assert servers_of(by_name(PROMOTED)[f"scan-{version}-failover"]) == [("scan-1-0", 10_100, "1")]


def test_grpc_servers_are_asked_over_http_whether_they_compute() -> None:
    (locality,) = by_name(PROMOTED)["scan-2-pods-grpc"]["load_assignment"]["endpoints"]
    (one,) = locality["lb_endpoints"]
    assert one["endpoint"]["health_check_config"] == {"port_value": 10_200}


def test_only_what_takes_traffic_by_weight_is_probed() -> None:
    probed = {name for name, cluster in by_name(PROMOTED).items() if "health_checks" in cluster}
    assert probed == {
        "scan-1-pods", "scan-2-pods", "scan-1-pods-grpc", "scan-2-pods-grpc",
    }  # fmt: skip


def test_retries_are_many_for_a_canary_and_a_share_for_stable() -> None:
    found = by_name(PROMOTED)
    limits = {v: found[f"scan-{v}"]["circuit_breakers"]["thresholds"] for v in (1, 2)}
    assert limits[2] == [{"max_retries": 200}]
    assert limits[1] == [{"retry_budget": {"budget_percent": {"value": 20}}}]


def test_stable_never_loses_all_of_its_servers_to_bad_luck() -> None:
    found = by_name(PROMOTED)
    shares = {
        v: found[f"scan-{v}-pods"]["outlier_detection"]["max_ejection_percent"] for v in (1, 2)
    }
    assert shares == {1: 50, 2: 100}


@pytest.mark.parametrize(("weight", "copied"), [(0, True), (1, False)])
def test_copies_have_a_cluster_only_while_there_are_any(weight: int, copied: bool) -> None:
    found = by_name(served(contract("scan"), stable=1, canary=2, weight=weight))
    assert ("scan-2-mirror" in found) == ("scan-2-mirror-grpc" in found) == copied


def test_openai_servers_speak_http_alone() -> None:
    found = by_name(served(contract("writer"), stable=1))
    assert not [name for name in found if name.endswith("-grpc")]
