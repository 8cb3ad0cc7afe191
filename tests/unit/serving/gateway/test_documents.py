from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import given

from serving.errors import InputError
from serving.gateway import names
from serving.gateway.bootstrap import bootstrap
from serving.gateway.calls import calls
from serving.gateway.clusters import clusters
from serving.gateway.documents import seconds
from serving.gateway.filters import OURS, filters
from serving.gateway.listeners import listeners
from serving.gateway.routes import routes
from serving.gateway.table import Served
from serving.settings import Release
from tests.contracts import contract
from tests.unit.serving.gateway.gateways import any_served, gateway, served, servers

SCAN = gateway(served(contract("scan"), stable=1))


@given(any_served())
def test_a_version_names_the_content(one: Served) -> None:
    for make in (listeners, clusters, routes):
        document = make(gateway(one))
        text = json.dumps(document["resources"], sort_keys=True, separators=(",", ":"))
        assert document["version_info"] == hashlib.sha256(text.encode()).hexdigest()[:16]
        assert document == make(gateway(one))
        assert document["resources"] == json.loads(json.dumps(document["resources"]))


def test_everything_that_may_change_is_read_from_files_in_one_folder() -> None:
    text = json.dumps([bootstrap(SCAN), listeners(SCAN)])
    assert set(re.findall(r'"path": "(/state/[^"]+)"', text)) == {
        "/state/envoy/listener.json", "/state/envoy/clusters.json", "/state/envoy/routes.json",
        "/state/envoy", "/state/log",
    }  # fmt: skip


def test_nothing_listens_but_on_this_machine() -> None:
    text = json.dumps([bootstrap(SCAN), listeners(SCAN), clusters(SCAN)])
    assert set(re.findall(r'"address": "([^"]+)"', text)) == {"127.0.0.1"}


def test_histograms_have_the_edges_of_the_contracts() -> None:
    (setting,) = bootstrap(SCAN)["stats_config"]["histogram_bucket_settings"]
    assert setting == {"match": {"suffix": "upstream_rq_time"}, "buckets": [1.0, 2.5]}


def test_a_caller_is_known_before_anything_is_done_for_him() -> None:
    assert [one["name"].rsplit(".", 1)[1] for one in filters(SCAN)] == [
        "jwt_authn", "rbac", "local_ratelimit", "buffer", "grpc_stats", "router",
    ]  # fmt: skip


def test_without_a_rule_nobody_passes() -> None:
    (rules,) = (f["typed_config"]["rules"] for f in filters(SCAN) if f["name"].endswith("rbac"))
    assert rules == {"action": "ALLOW", "policies": {}}


@pytest.mark.parametrize("header", ["x-tenant", "x-tenant-id", "x-envoy-max-retries", "x-pin"])
def test_headers_of_the_gateway_are_dropped(header: str) -> None:
    assert header.startswith(OURS)


@pytest.mark.parametrize(
    ("number", "text"), [(2, "2s"), (0.005, "0.005s"), (1e-9, "0.000000001s"), (241.0, "241s")]
)
def test_a_time_is_written_as_envoy_reads_it(number: float, text: str) -> None:
    assert seconds(number) == text


def test_the_name_of_a_cluster_tells_its_version() -> None:
    assert names.version_of("a-1-2", "a-1") == 2
    assert names.version_of("a-1-2-grpc", "a-1") == 2
    assert names.version_of("a-1-2-pods", "a-1") is None
    assert names.version_of("a-1-2", "a") is None


def test_what_a_release_names_has_servers() -> None:
    release: dict[str, Any] = {"stable": 1, "canary": 2}
    with pytest.raises(ValueError, match="scan: version 2 has no server"):
        Served(contract=contract("scan"), release=Release(**release), servers=servers("scan", [1]))


def test_a_model_of_nobody_is_not_served() -> None:
    with pytest.raises(ValueError, match="scan: radiology is no tenant"):
        type(SCAN)(**vars(SCAN) | {"tenants": {}})


def test_a_server_of_unknown_paths_is_refused() -> None:
    with pytest.raises(InputError, match="model forest: the gateway knows no paths of a custom"):
        calls(contract("forest"))
