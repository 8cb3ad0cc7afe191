from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest

from components.balancer import CLASS, PREFIX
from components.balancer_route import BalancerRoute, BalancerRouteArgs, Forward, Tokens
from tests.conftest import Graph, synthesise
from tests.unit.components.examples import EXAMPLES

INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"

INFER = Forward(
    method="POST",
    paths=["/v2/models/digits/infer"],
    weights={"digits-1": 90, "digits-2": 10},
)
ASK = Forward(
    method="GET",
    paths=["/v2/models/digits/ready", "/v2/models/digits"],
    weights={"digits-1": 100},
)
GRPC = replace(INFER, paths=["/inference.GRPCInferenceService/ModelInfer"])
TOKENS = Tokens(
    issuer="https://tokens.example.com",
    keys_url="https://tokens.example.com/keys",
    claims={"aud": "inference", "tenant": "vision"},
)


def args(**changes: Any) -> BalancerRouteArgs:
    example = EXAMPLES[BalancerRoute]
    assert isinstance(example, BalancerRouteArgs)
    both = {"http": {"infer": INFER, "ask": ASK}, "grpc": {"infer": GRPC}}
    return replace(example, **{**both, **changes})


def graph(**changes: Any) -> Graph:
    return synthesise(lambda: BalancerRoute("digits", args(**changes)))


def annotations(found: Graph, protocol: str) -> dict[str, str]:
    said = found.one(INGRESS, f"digits-{protocol}").inputs["metadata"]["annotations"]
    assert all(key.startswith(PREFIX) for key in said)
    return {key.removeprefix(PREFIX): value for key, value in said.items()}


def shares(said: Mapping[str, str], key: str) -> dict[str, int]:
    action = json.loads(said[f"actions.{key}"])
    assert action["type"] == "forward"
    groups = action["forwardConfig"]["targetGroups"]
    return {each["serviceName"]: each["weight"] for each in groups}


def test_kubernetes_takes_what_is_made() -> None:
    found = graph().all(INGRESS)
    assert len(found) == 2
    for each in found:
        kubernetes_validate.validate(dict(each.inputs), "1.35", strict=True)


def test_weights_are_on_the_action_and_sum_to_100() -> None:
    """NET-9."""
    for protocol in ("http", "grpc"):
        found = shares(annotations(graph(), protocol), "infer")
        assert found == {"digits-1": 90, "digits-2": 10}
        assert sum(found.values()) == 100


def test_a_version_without_a_share_stays_known() -> None:
    none = replace(INFER, weights={"digits-1": 100, "digits-2": 0})
    found = annotations(graph(http={"infer": none}), "http")
    assert shares(found, "infer") == {"digits-1": 100, "digits-2": 0}


@pytest.mark.parametrize(
    ("protocol", "version", "port"), [("http", "HTTP1", "http"), ("grpc", "GRPC", "grpc")]
)
def test_each_protocol_is_spoken_to_its_own_port(protocol: str, version: str, port: str) -> None:
    """TRF-10."""
    said = annotations(graph(), protocol)
    assert said["backend-protocol-version"] == version
    groups = json.loads(said["actions.infer"])["forwardConfig"]["targetGroups"]
    assert {each["servicePort"] for each in groups} == {port}


def test_a_model_without_grpc_has_no_way_for_it() -> None:
    (only,) = graph(grpc={}).all(INGRESS)
    assert only.name == "digits-http"


def test_only_the_calls_that_are_offered_pass_each_by_its_method() -> None:
    found = graph()
    (rule,) = found.one(INGRESS, "digits-http").inputs["spec"]["rules"]
    assert rule["host"] == "digits.inference.example.com"
    paths = rule["http"]["paths"]
    assert {each["pathType"] for each in paths} == {"Exact"}
    assert [(each["path"], each["backend"]["service"]["name"]) for each in paths] == [
        ("/v2/models/digits/infer", "infer"),
        ("/v2/models/digits/ready", "ask"),
        ("/v2/models/digits", "ask"),
    ]
    assert {each["backend"]["service"]["port"]["name"] for each in paths} == {"use-annotation"}
    said = annotations(found, "http")
    methods = {
        key: json.loads(said[f"conditions.{key}"])[0]["httpRequestMethodConfig"]["values"]
        for key in ("infer", "ask")
    }
    assert methods == {"infer": ["POST"], "ask": ["GET"]}


def test_a_question_that_no_version_computes_has_shares_of_its_own() -> None:
    assert shares(annotations(graph(), "http"), "ask") == {"digits-1": 100}


def test_it_is_a_part_of_the_load_balancer_and_has_nothing_without_tls() -> None:
    for each in graph().all(INGRESS):
        assert each.inputs["spec"]["ingressClassName"] == CLASS
        said = annotations(graph(), each.name.removeprefix("digits-"))
        assert json.loads(said["listen-ports"]) == [{"HTTPS": 443}]


def test_pods_are_asked_in_the_way_of_each_protocol() -> None:
    http, grpc = annotations(graph(), "http"), annotations(graph(), "grpc")
    assert (http["healthcheck-path"], http["success-codes"]) == ("/v2/models/digits/ready", "200")
    assert grpc["healthcheck-path"] == "/grpc.health.v1.Health/Check"
    assert grpc["success-codes"] == "0"


def test_a_token_must_have_every_claim_on_both_protocols() -> None:
    """The load balancer checks issuer, signature and time by itself."""
    found = graph(tokens=TOKENS)
    for protocol in ("http", "grpc"):
        assert json.loads(annotations(found, protocol)["jwt-validation"]) == {
            "jwksEndpoint": "https://tokens.example.com/keys",
            "issuer": "https://tokens.example.com",
            "additionalClaims": [
                {"name": "aud", "format": "single-string", "values": ["inference"]},
                {"name": "tenant", "format": "single-string", "values": ["vision"]},
            ],
        }


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"digits-1": 90},
        {"digits-1": 90, "digits-2": 20},
        {"digits-1": 120, "digits-2": -20},
    ],
)
def test_shares_that_are_no_whole_are_refused(weights: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="weights must be 0 to 100 and 100 together"):
        replace(INFER, weights=weights)


def test_more_services_than_a_load_balancer_chooses_among_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 5"):
        replace(INFER, weights={f"digits-{each}": 100 if each == 1 else 0 for each in range(6)})


@pytest.mark.parametrize("path", ["/v2/*", "/v2/models/?"])
def test_a_path_that_would_match_others_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no wildcards"):
        replace(INFER, paths=[path])


def test_a_way_without_calls_is_refused() -> None:
    with pytest.raises(ValueError, match="paths must be at least one"):
        replace(INFER, paths=[])
    with pytest.raises(ValueError, match="http must have at least one way"):
        args(http={})


def test_keys_over_plain_http_are_refused() -> None:
    with pytest.raises(ValueError, match="https://"):
        replace(TOKENS, keys_url="http://tokens.example.com/keys")


def test_what_the_load_balancer_would_not_take_about_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="256 characters"):
        replace(TOKENS, issuer="https://" + 250 * "x")
