"""NET-9: what the load balancer is told of a model, from its contract and its release."""

from __future__ import annotations

from typing import Any

import pytest

from components.balancer_route import BalancerRouteArgs
from serving.contract.model import ModelContract
from serving.errors import InputError
from serving.gateway.calls import calls
from serving.settings import Release
from serving.settings.identity import Identity
from serving.stacks.balancer_routes import route
from tests.contracts import changed, contract

DOMAIN = "models.example.com"
IDENTITY = Identity(
    issuer="https://tokens.example.com",
    audience="inference",
    jwks="https://tokens.example.com/keys",
)


def routed(model: ModelContract | None = None, **release: Any) -> BalancerRouteArgs:
    model = model or contract("scan")
    found = route(model, Release(**release), DOMAIN, IDENTITY, f"tenant-{model.tenant}")
    assert found is not None
    return found


@pytest.mark.parametrize("weight", [0, 5, 50, 100])
def test_the_weights_of_the_release_sum_to_100_on_both_protocols(weight: int) -> None:
    found = routed(stable=1, canary=2, weight=weight)
    for forwards in (found.http, found.grpc):
        assert forwards["infer-post"].weights == {"scan-1": 100 - weight, "scan-2": weight}
        assert sum(forwards["infer-post"].weights.values()) == 100


def test_a_version_kept_warm_is_known_to_the_balancer_and_takes_no_traffic() -> None:
    weights = routed(stable=2, previous=1).http["infer-post"].weights
    assert weights == {"scan-2": 100, "scan-1": 0}


def test_what_computes_nothing_is_asked_of_stable_alone() -> None:
    found = routed(stable=1, canary=2, weight=50)
    assert found.http["ask-get"].weights == {"scan-1": 100}
    assert found.grpc["ask-post"].weights == {"scan-1": 100}


@pytest.mark.parametrize("name", ["scan", "forms", "writer"])
def test_every_call_that_is_offered_passes_and_no_other(name: str) -> None:
    model = contract(name)
    found = routed(model, stable=1)
    passing = {
        (protocol, forward.method, path)
        for protocol, forwards in (("http", found.http), ("grpc", found.grpc))
        for forward in forwards.values()
        for path in forward.paths
    }
    assert passing == {(each.protocol, each.method, each.path) for each in calls(model)}


def test_it_is_the_host_of_the_model_in_the_namespace_of_its_tenant() -> None:
    found = routed(stable=1)
    assert found.host == f"scan.{DOMAIN}"
    assert found.namespace == f"tenant-{contract('scan').tenant}"


def test_a_pod_is_healthy_when_the_model_that_callers_ask_is_ready() -> None:
    assert routed(stable=1).health_path == "/v2/models/scan/ready"
    assert routed(contract("writer"), stable=1).health_path == "/health"


def test_a_token_is_the_tenants_own() -> None:
    tokens = routed(stable=1).tokens
    assert (tokens.issuer, tokens.keys_url) == (IDENTITY.issuer, IDENTITY.jwks)
    assert tokens.claims == {"aud": "inference", "tenant": contract("scan").tenant}


def test_before_there_is_a_version_nobody_is_routed() -> None:
    assert route(contract("scan"), Release(canary=1), DOMAIN, IDENTITY, "a") is None


def test_a_choice_by_a_headers_value_is_refused() -> None:
    sticky = changed("scan", ("rollout", "sticky_by"), "x-user")
    with pytest.raises(InputError, match=r"model scan: rollout\.sticky_by: a load balancer"):
        routed(sticky, stable=1)
