from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from components.gateway import Gateway
from components.gateway_tokens import Tokens
from components.mesh import Mesh
from components.model_route import ModelRoute, ModelRouteArgs
from components.model_route_args import Offer
from tests.conftest import Graph
from tests.unit import rendered
from tests.unit.components.authorization import Request, allowed
from tests.unit.components.examples import EXAMPLES
from tests.unit.components.installing import installed
from tests.unit.components.network import Pod

HOST = "digits.inference.example.com"
ISSUER = "https://identity.example.com"
INFER = "/v2/models/digits/infer"
READY = "/v2/models/digits/ready"
GRPC = "/inference.GRPCInferenceService"
GATEWAY = "cluster.local/ns/istio-ingress/sa/istio-ingressgateway"

OFFERS = [
    Offer(name="digits/infer", method="POST", path=INFER, protocol="http", kind="infer"),
    Offer(name="digits/ready", method="GET", path=READY, protocol="http", kind="ask"),
    Offer(
        name="digits/ModelInfer", method="POST", path=f"{GRPC}/ModelInfer", protocol="grpc",
        kind="infer",
    ),
    Offer(
        name="digits/ModelStreamInfer", method="POST", path=f"{GRPC}/ModelStreamInfer",
        protocol="grpc", kind="stream",
    ),
]  # fmt: skip


def built(**changes: Any) -> Graph:
    return installed(ModelRoute, **{"offers": OFFERS, **changes})


@cache
def promoted(weight: int) -> Graph:
    return built(
        versions=(1, 2, 3), stable=2, canary=3, weight=weight, shadow_percent=30,
        body_bytes=3 << 20,
    )  # fmt: skip


def spec(graph: Graph, kind: str, key: str | None = None) -> Any:
    found = rendered.objects(graph, kind)
    return (found[key] if key else next(iter(found.values())))["spec"]


def answered(
    graph: Graph, path: str, method: str = "POST", headers: Mapping[str, str] | None = None
) -> Any:
    """By the first rule that matches, as Envoy reads them."""
    for rule in spec(graph, "VirtualService")["http"]:
        if any(_matches(each, path, method, headers or {}) for each in rule.get("match", [{}])):
            return rule
    raise AssertionError("no rule matches")


def _matches(match: Mapping[str, Any], path: str, method: str, headers: Mapping[str, str]) -> bool:
    assert match.keys() <= {"uri", "method", "headers", "withoutHeaders"}
    known = {"uri": path, "method": method}
    return (
        all(_is(match[key], value) for key, value in known.items() if key in match)
        and all(_is(each, headers.get(key)) for key, each in match.get("headers", {}).items())
        and not any(
            _is(each, headers.get(key)) for key, each in match.get("withoutHeaders", {}).items()
        )
    )


def _is(pattern: Mapping[str, str], value: str | None) -> bool:
    ((kind, wanted),) = pattern.items()
    if value is None:
        return False
    if kind == "regex":
        return bool(re.fullmatch(wanted, value))
    return value.startswith(wanted) if kind == "prefix" else value == wanted


def shares(rule: Mapping[str, Any]) -> dict[str, int]:
    """Service → percent."""
    return {
        each["destination"]["host"].partition(".")[0]: each.get("weight", 100)
        for each in rule["route"]
    }


GRPC_CALL = {"content-type": "application/grpc+proto"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stable": None, "canary": 1},
        {"versions": (1, 2), "canary": 2, "shadow_percent": 10},
        {"versions": (1, 2), "canary": 2, "weight": 5},
    ],
)
def test_kubernetes_takes_every_object(changes: dict[str, Any]) -> None:
    """TRF-1."""
    assert rendered.wrong_objects(built(**changes)) == []


def test_it_tells_where_the_model_is_asked() -> None:
    assert built().one("serving:index:ModelRoute").outputs == {"host": HOST}


@pytest.mark.parametrize("weight", [0, 5, 50, 95, 100])
@pytest.mark.parametrize("path", [INFER, f"{GRPC}/ModelInfer", f"{GRPC}/ModelStreamInfer"])
def test_stable_and_canary_share_all_requests(weight: int, path: str) -> None:
    """TRF-2."""
    rule = answered(promoted(weight), path, headers=GRPC_CALL)
    assert shares(rule) == {"digits-2": 100 - weight, "digits-3": weight}


def test_versions_are_told_apart_by_nothing_that_a_caller_says() -> None:
    """TRF-6: one host for all."""
    described = spec(promoted(50), "VirtualService")
    assert described["hosts"] == [HOST]
    assert described["gateways"] == ["istio-ingress/models"]


def test_a_version_alone_answers_all() -> None:
    assert shares(answered(built(), INFER)) == {"digits-1": 100}


def test_a_question_is_answered_by_stable() -> None:
    assert shares(answered(promoted(50), READY, "GET")) == {"digits-2": 100}


def test_the_answer_names_its_version() -> None:
    for each in answered(promoted(50), INFER)["route"]:
        service = each["destination"]["host"].partition(".")[0]
        assert each["headers"] == {
            "response": {"set": {"x-served-version": service.removeprefix("digits-")}}
        }


@pytest.mark.parametrize(("path", "port"), [(INFER, 8000), (f"{GRPC}/ModelInfer", 8001)])
def test_each_protocol_has_its_port(path: str, port: int) -> None:
    for each in answered(promoted(50), path, headers=GRPC_CALL)["route"]:
        assert each["destination"]["port"] == {"number": port}
        assert each["destination"]["host"].endswith(".tenant-vision.svc.cluster.local")


def test_copies_go_to_a_canary_that_answers_nothing() -> None:
    rule = answered(promoted(0), INFER)
    assert rule["mirror"]["host"].startswith("digits-3.")
    assert rule["mirrorPercentage"] == {"value": 30}


@pytest.mark.parametrize(
    ("weight", "path", "method"),
    [(5, INFER, "POST"), (0, READY, "GET"), (0, f"{GRPC}/ModelStreamInfer", "POST")],
)
def test_and_nothing_else_is_copied(weight: int, path: str, method: str) -> None:
    assert "mirror" not in answered(promoted(weight), path, method, GRPC_CALL)


def test_a_step_of_a_promotion_touches_the_routes_alone() -> None:
    before, after = ({each.urn: each.inputs for each in promoted(weight)} for weight in (5, 50))
    changed = {urn for urn in before if before[urn] != after[urn]}
    assert before.keys() == after.keys()
    assert {urn.rpartition("::")[0].rpartition(":")[2] for urn in changed} == {"VirtualService"}


def test_whoever_hangs_is_left_after_a_while_and_another_server_asked_once() -> None:
    """Unless told, Istio asks two more."""
    rule = answered(built(try_seconds=2.5, answer_seconds=6), INFER)
    assert rule["timeout"] == "6s"
    assert rule["retries"]["attempts"] == 1
    assert rule["retries"]["perTryTimeout"] == "2.5s"


def test_a_stream_ends_when_it_ends_and_is_not_asked_for_twice() -> None:
    rule = answered(built(), f"{GRPC}/ModelStreamInfer", headers=GRPC_CALL)
    assert "timeout" not in rule
    assert rule["retries"] == {"attempts": 1, "retryOn": "connect-failure,refused-stream"}


def test_no_status_of_a_model_is_asked_for_again() -> None:
    """It would come from the same version, and hide what the gates look for."""
    for rule in spec(promoted(50), "VirtualService")["http"]:
        if "retries" in rule:
            reasons = set(rule["retries"]["retryOn"].split(","))
            assert not reasons & {"5xx", "gateway-error", "retriable-4xx", "unavailable"}


@pytest.mark.parametrize(
    ("path", "method", "headers", "status", "said"),
    [
        ("/v2/models/digits/versions/1/infer", "POST", {}, 400, "chooses the version of digits"),
        ("/v2/models/digits/versions", "GET", {}, 400, "x-served-version"),
        (INFER, "POST", {"content-encoding": "gzip"}, 415, "without content-encoding"),
        (INFER, "POST", {"content-encoding": "identity, gzip"}, 415, "content-encoding"),
        (INFER, "POST", {"content-encoding": ""}, 415, "content-encoding"),
        (f"{GRPC}/ModelInfer", "POST", {**GRPC_CALL, "grpc-encoding": "gzip"}, 415, "grpc-enc"),
        ("/", "GET", {}, 404, f"digits takes POST {INFER}, GET {READY}"),
        (INFER, "GET", {}, 404, "does not serve this"),
        (f"{INFER}/", "POST", {}, 404, "does not serve this"),
        ("/v2/repository/models/digits/load", "POST", {}, 404, "does not serve this"),
        (f"{GRPC}/ModelInfer", "POST", {"content-type": "text/plain"}, 404, "does not serve"),
        (f"{GRPC}/RepositoryModelLoad", "POST", GRPC_CALL, 404, "does not serve this"),
    ],
)
def test_what_is_not_offered_is_refused_and_the_answer_says_what_to_do(
    path: str, method: str, headers: dict[str, str], status: int, said: str
) -> None:
    refusal = answered(promoted(50), path, method, headers)["directResponse"]
    assert refusal["status"] == status
    assert said in refusal["body"]["string"]


@pytest.mark.parametrize("header", ["content-encoding", "grpc-encoding"])
def test_what_says_that_it_is_not_compressed_passes(header: str) -> None:
    assert "route" in answered(built(), INFER, headers={header: "identity"})


def test_before_the_first_release_nobody_is_answered() -> None:
    """The first canary is tried by other ways."""
    graph = built(stable=None, canary=1)
    refusal = answered(graph, INFER)["directResponse"]
    assert refusal["status"] == 503
    assert refusal["body"]["string"] == "digits has no released version yet"
    assert answered(graph, "/")["directResponse"]["status"] == 404


def test_each_version_is_asked_over_mutual_tls_where_least_is_under_way() -> None:
    assert rendered.objects(promoted(5), "DestinationRule").keys() == {
        "digits-1", "digits-2", "digits-3",
    }  # fmt: skip
    for version in (1, 2, 3):
        rule = spec(promoted(5), "DestinationRule", f"digits-{version}")
        assert rule["host"] == f"digits-{version}.tenant-vision.svc.cluster.local"
        assert rule["trafficPolicy"]["tls"] == {"mode": "ISTIO_MUTUAL"}
        assert rule["trafficPolicy"]["loadBalancer"] == {"simple": "LEAST_REQUEST"}


def test_a_dying_server_is_left_alone_and_its_requests_are_not_lost() -> None:
    """F12: Envoy's default of three retries at once overflows."""
    policy = spec(built(), "DestinationRule")["trafficPolicy"]
    assert policy["connectionPool"]["http"]["maxRetries"] > 3
    assert policy["connectionPool"]["http"]["http2MaxRequests"]
    assert policy["outlierDetection"]["consecutiveGatewayErrors"]


def test_a_caller_with_bad_inputs_puts_no_server_out() -> None:
    outliers = spec(built(), "DestinationRule")["trafficPolicy"]["outlierDetection"]
    assert outliers["consecutive5xxErrors"] == 0
    assert outliers["maxEjectionPercent"] == 50


@pytest.mark.parametrize("kind", ["VirtualService", "DestinationRule"])
def test_no_proxy_but_the_gateways_hears_of_it(kind: str) -> None:
    assert spec(built(), kind)["exportTo"] == ["istio-ingress"]


def test_requests_are_as_large_as_the_model_needs_and_only_streams_are_not_held() -> None:
    """T4: held until they are whole, at the gateway."""
    whole, *streams = spec(promoted(5), "EnvoyFilter")["configPatches"]
    buffer = "envoy.filters.http.buffer"
    assert whole["match"]["routeConfiguration"] == {"vhost": {"name": f"{HOST}:443"}}
    found = whole["patch"]["value"]["typed_per_filter_config"][buffer]
    assert found["buffer"] == {"max_request_bytes": 3 << 20}
    (stream,) = streams
    names = {rule.get("name") for rule in spec(promoted(5), "VirtualService")["http"]}
    route = stream["match"]["routeConfiguration"]["vhost"]["route"]["name"]
    assert route == "digits/ModelStreamInfer"
    assert route in names
    assert stream["patch"]["value"]["typed_per_filter_config"][buffer]["disabled"] is True


def test_nothing_is_routed_before_it_is_known_who_may_ask() -> None:
    graph = promoted(5)
    routes = graph.one("kubernetes:networking.istio.io/v1:VirtualService")
    others = {each.urn for each in graph if "istio.io" in each.type and each.urn != routes.urn}
    assert len(others) == 6
    assert others <= routes.dependencies


@pytest.mark.parametrize(
    "changes",
    [
        {"weight": 5},
        {"weight": 101, "versions": (1, 2), "canary": 2},
        {"shadow_percent": -1},
        {"canary": 2},
        {"stable": 3},
    ],
)
def test_shares_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    example = EXAMPLES[ModelRoute]
    assert isinstance(example, ModelRouteArgs)
    with pytest.raises(ValueError, match="must be"):
        replace(example, **changes)


TOKENS = Tokens(
    issuer=ISSUER, audience="models", jwks_uri=f"{ISSUER}/keys", limits={}, body_bytes=1 << 20,
    own_headers=("x-tenant",),
)  # fmt: skip
PROXY = Pod(namespace="istio-ingress", labels={"istio": "ingressgateway"})
SERVER = Pod(
    namespace="tenant-vision",
    labels={"app.kubernetes.io/name": "digits", "app.kubernetes.io/version": "1"},
)
OF_VISION = {"iss": ISSUER, "aud": "models", "sub": "someone", "tenant": "vision"}


@cache
def mesh() -> list[Mapping[str, Any]]:
    """All that decides: of the mesh, the gateway, and two tenants' models."""
    forms = built(
        model="forms", tenant="shop", namespace="tenant-shop",
        offers=[replace(OFFERS[0], name="forms/infer", path="/v2/models/forms/infer")],
    )  # fmt: skip
    graphs = (installed(Mesh), installed(Gateway, tokens=TOKENS), built(), forms)
    return [
        each.inputs
        for graph in graphs
        for each in graph
        if each.inputs.get("kind") in ("AuthorizationPolicy", "RequestAuthentication")
    ]


def caller(**changes: Any) -> Request:
    return replace(Request(host=HOST, path=INFER, port=443, token=OF_VISION), **changes)


def gateway(**changes: Any) -> Request:
    return replace(Request(host=HOST, path=INFER, port=8000, peer=GATEWAY), **changes)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (caller(), True),
        (caller(host=HOST.upper()), True),
        (caller(host=f"{HOST}:443"), True),
        (caller(token=None), False),
        (caller(token=OF_VISION | {"tenant": "shop"}), False),
        (caller(token={key: OF_VISION[key] for key in ("iss", "aud", "sub")}), False),
        (caller(token={key: OF_VISION[key] for key in ("iss", "aud", "tenant")}), False),
        (caller(token=OF_VISION | {"iss": "https://others.example.com"}), False),
        (caller(token=OF_VISION | {"iss": f"{ISSUER}/others"}), False),
        (caller(token=OF_VISION | {"aud": "others"}), False),
        (caller(host="forms.inference.example.com"), False),
        (caller(host=f"{HOST}.others.example.com"), False),
        (caller(host="others.example.com"), False),
        (caller(port=15021), False),
        (caller(port=80, token=None), True),  # to be told where TLS is
    ],
)
def test_a_tenant_with_its_token_asks_its_own_models(asked: Request, expected: bool) -> None:
    """TRF-3, TRF-5, T1, T2."""
    assert allowed(mesh(), PROXY, asked) is expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (gateway(), True),
        (gateway(path=READY, method="GET"), True),
        (gateway(path=f"{GRPC}/ModelInfer", port=8001), True),
        (gateway(peer=None), False),
        (gateway(peer="cluster.local/ns/tenant-vision/sa/digits"), False),
        (gateway(peer="cluster.local/ns/tenant-shop/sa/forms"), False),
        (gateway(peer="cluster.local/ns/istio-ingress/sa/default"), False),
        (gateway(peer="other.local/ns/istio-ingress/sa/istio-ingressgateway"), False),
        (gateway(path="/v2/repository/models/digits/load"), False),
        (gateway(path="/v2/models/forms/infer"), False),
        (gateway(path=f"{INFER}/"), False),
        (gateway(method="GET"), False),
        (gateway(port=8001), False),
        (gateway(path=f"{GRPC}/ModelInfer", port=8000), False),
        (gateway(path="/metrics", method="GET", port=8002), False),
    ],
)
def test_a_server_is_asked_by_the_gateway_for_what_is_offered(
    asked: Request, expected: bool
) -> None:
    """SEC-7, T3."""
    assert allowed(mesh(), SERVER, asked) is expected


def test_another_tenants_server_hears_nothing_of_it() -> None:
    other = Pod(namespace="tenant-shop", labels={"app.kubernetes.io/name": "digits"})
    assert not allowed(mesh(), other, gateway())


def test_without_a_policy_of_the_model_nobody_comes_through() -> None:
    """Who has a token may not ask by that alone."""
    without = [each for each in mesh() if each["metadata"]["name"] != "digits"]
    assert allowed(mesh(), PROXY, caller())
    assert not allowed(without, PROXY, caller())
    assert not allowed(without, SERVER, gateway())


def test_it_is_the_policy_that_asks_for_a_token() -> None:
    """A check of tokens lets those through that have none."""
    only_checked = [each for each in mesh() if each["kind"] == "RequestAuthentication"]
    assert allowed(only_checked, PROXY, caller(token=None))
    assert not allowed(only_checked, PROXY, caller(token=OF_VISION | {"iss": "others"}))
