from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given

from serving.gateway.clusters import clusters
from serving.gateway.names import authority
from serving.gateway.routes import routes
from serving.gateway.table import Served
from tests.contracts import changed, contract
from tests.unit.serving.gateway.gateways import (
    actions,
    any_served,
    clusters_named,
    gateway,
    served,
    virtual_hosts,
)

GRPC = "/inference.GRPCInferenceService"
SCAN = served(contract("scan"), stable=1, canary=2, weight=10)


def host(one: Served) -> dict[str, Any]:
    return virtual_hosts(routes(gateway(one)))[one.name]


def paths(one: Served) -> set[str]:
    """Those that lead to a server."""
    return {route["match"]["path"] for route in host(one)["routes"] if "route" in route}


def answered(one: Served, path: str) -> list[dict[str, Any]]:
    return [route for route in host(one)["routes"] if route["match"].get("path") == path]


@given(any_served())
def test_weights_add_up_and_every_cluster_is_there(one: Served) -> None:
    known = {cluster["name"] for cluster in clusters(gateway(one))["resources"]}
    for action in actions(host(one)):
        assert set(clusters_named(action)) <= known
        if split := action.get("weighted_clusters"):
            assert sum(cluster["weight"] for cluster in split["clusters"]) == 100


@given(any_served())
def test_every_request_that_leads_nowhere_is_refused(one: Served) -> None:
    last = host(one)["routes"][-1]
    assert last["match"] == {"prefix": "/"}
    assert last["direct_response"]["status"] == 404


def test_a_model_has_one_name_whatever_its_versions() -> None:
    assert host(SCAN)["domains"] == [authority("scan")] == ["scan.localhost"]


def test_callers_reach_what_is_offered_and_nothing_else() -> None:
    assert paths(SCAN) == {
        "/v2/models/scan/infer", "/v2/models/scan/ready", "/v2/models/scan",
        *(f"{GRPC}/{name}" for name in (
            "ModelInfer", "ModelStreamInfer", "ModelReady", "ModelMetadata", "ServerLive",
            "ServerReady",
        )),
    }  # fmt: skip


def test_only_the_entrance_of_a_bundle_is_reached() -> None:
    found = {path for path in paths(served(contract("forms"), stable=1)) if path.startswith("/v2")}
    assert found == {"/v2/models/forms/infer", "/v2/models/forms/ready", "/v2/models/forms"}


def test_texts_are_generated_where_the_backend_can() -> None:
    models = contract("scan").runtime.model_dump(mode="json")["models"]
    models["scan"] |= {"backend": "vllm"}
    found = paths(served(changed("scan", ("runtime", "models"), models), stable=1))
    assert {"/v2/models/scan/generate", "/v2/models/scan/generate_stream"} <= found


def test_openai_calls_may_stream_so_nothing_ends_or_repeats_them() -> None:
    writer = served(contract("writer"), stable=1, canary=2, weight=5)
    (route,) = (r for r in answered(writer, "/v1/chat/completions") if "stat_prefix" in r)
    assert route["route"]["timeout"] == "0s"
    assert "retry_policy" not in route["route"]
    assert "max_stream_duration" not in route["route"]


@pytest.mark.parametrize("path", ["/v2/models/scan/infer", f"{GRPC}/ModelInfer"])
def test_a_single_answer_is_tried_twice_within_its_time(path: str) -> None:
    *_, route = answered(SCAN, path)
    action = route["route"]
    assert action["timeout"] == "5s"
    assert action["retry_policy"]["per_try_timeout"] == "2s"
    assert action["retry_policy"]["num_retries"] == 1


def test_a_stream_is_neither_repeated_nor_ended_nor_copied() -> None:
    shadowed = served(contract("scan"), stable=1, canary=2)
    *_, route = answered(shadowed, f"{GRPC}/ModelStreamInfer")
    assert route["route"]["timeout"] == "0s"
    assert not {"retry_policy", "request_mirror_policies"} & route["route"].keys()


def test_a_choice_comes_before_the_weights() -> None:
    kinds = ["pin" if "dynamic_metadata" in route["match"] else "weight"
             for route in host(SCAN)["routes"] if "route" in route]  # fmt: skip
    assert kinds == ["pin"] * Counter(kinds)["pin"] + ["weight"] * Counter(kinds)["weight"]


def test_what_is_chosen_is_no_sample() -> None:
    chosen = [r for r in host(SCAN)["routes"] if "dynamic_metadata" in r["match"] and "route" in r]
    assert all("stat_prefix" not in route for route in chosen)
    assert {name for r in chosen for name in clusters_named(r["route"])} == {
        "scan-1-aside", "scan-2-aside", "scan-1-aside-grpc", "scan-2-aside-grpc",
    }  # fmt: skip


def test_the_previous_version_can_be_chosen_and_gets_no_share() -> None:
    warm = served(contract("scan"), stable=2, previous=1)
    assert "scan-1-aside" in {name for a in actions(host(warm)) for name in clusters_named(a)}
    *_, route = answered(warm, "/v2/models/scan/infer")
    assert route["route"]["weighted_clusters"]["clusters"] == [{"name": "scan-2", "weight": 100}]


def test_a_model_without_a_released_version_says_so() -> None:
    first = served(contract("scan"), canary=1)
    (route,) = (r for r in answered(first, "/v2/models/scan/infer") if "direct_response" in r)
    assert route["direct_response"] == {
        "status": 503,
        "body": {"inline_string": "scan has no released version yet"},
    }


@pytest.mark.parametrize(("weight", "copies"), [(0, [10]), (5, [])])
def test_copies_go_to_a_canary_that_answers_nobody(weight: int, copies: list[int]) -> None:
    one = served(contract("scan"), stable=1, canary=2, weight=weight)
    *_, route = answered(one, "/v2/models/scan/infer")
    found = route["route"].get("request_mirror_policies", [])
    assert [copy["runtime_fraction"]["default_value"]["numerator"] for copy in found] == copies


def test_the_weights_stick_to_a_header_where_the_contract_asks_for_it() -> None:
    sticky = served(changed("scan", ("rollout", "sticky_by"), "x-user"), stable=1, canary=2)
    *_, route = answered(sticky, "/v2/models/scan/infer")
    assert route["route"]["weighted_clusters"]["use_hash_policy"] is True
    assert route["route"]["hash_policy"] == [{"header": {"header_name": "x-user"}}]


def test_only_the_models_own_tenant_passes() -> None:
    (policy,) = host(SCAN)["typed_per_filter_config"]["envoy.filters.http.rbac"]["rbac"]["rules"][
        "policies"
    ].values()
    (principal,) = policy["principals"]
    matcher = principal["sourced_metadata"]["metadata_matcher"]
    assert matcher["path"] == [{"key": "claims"}, {"key": "tenant"}]
    assert matcher["value"] == {"string_match": {"exact": "radiology"}}


def test_a_route_to_a_cluster_that_is_not_there_is_refused_by_envoy() -> None:
    assert routes(gateway(SCAN))["resources"][0]["validate_clusters"] is True
