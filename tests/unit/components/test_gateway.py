from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from components.gateway import NAMESPACE, Gateway
from components.gateway_tokens import Tokens
from components.mesh_policies import INJECTION
from tests.cloud import HOSTNAME
from tests.conftest import Graph
from tests.unit import rendered
from tests.unit.components.installing import INTERNET, around, installed
from tests.unit.components.network import Pod, allowed

SERVICE = "kubernetes:core/v1:Service"
PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"
PROXY = Pod(namespace=NAMESPACE, labels={"istio": "ingressgateway"})
MODEL = Pod(namespace="tenant-vision", namespace_labels=INJECTION)
TOKENS = Tokens(
    issuer="https://identity.example.com",
    audience="models",
    jwks_uri="https://identity.example.com/keys",
    limits={
        "vision": {"max_tokens": 5, "tokens_per_fill": 5, "fill_interval": "1s"},
        "shop": {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "2s"},
    },
    body_bytes=1 << 20,
    own_headers=("x-tenant", "serving-"),
)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(Gateway)


def balancer(graph: Graph) -> dict[str, str]:
    annotations = graph.one(SERVICE).inputs["metadata"]["annotations"]
    return {key.removeprefix(PREFIX): value for key, value in annotations.items()}


def test_the_domain_points_to_the_load_balancer_that_the_controller_made(graph: Graph) -> None:
    assert graph.one("serving:index:Gateway").outputs == {"hostname": HOSTNAME}


def test_callers_meet_tls_1_2_or_later_with_a_certificate_of_acm(graph: Graph) -> None:
    """TRF-11."""
    found = balancer(graph)
    assert found["ssl-ports"] == "443"
    assert found["ssl-cert"].startswith("arn:aws:acm:")
    assert found["ssl-negotiation-policy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"


def test_from_the_load_balancer_to_the_proxies_it_is_tls_too(graph: Graph) -> None:
    assert balancer(graph)["backend-protocol"] == "ssl"
    secure = rendered.objects(graph, "Gateway")["models"]["spec"]["servers"][0]
    assert secure["port"]["protocol"] == "HTTPS"
    assert secure["tls"]["minProtocolVersion"] == "TLSV1_2"
    certificate = rendered.objects(graph, "Certificate")["certificate"]["spec"]
    assert certificate["secretName"] == secure["tls"]["credentialName"]
    assert certificate["dnsNames"] == ["*.inference.example.com"]


def test_a_handshake_that_names_no_host_is_answered(graph: Graph) -> None:
    """The load balancer's own to the proxies are such; tests/live/test_gateway_names.py has a real
    Envoy say so."""
    secure = rendered.objects(graph, "Gateway")["models"]["spec"]["servers"][0]
    assert secure["hosts"] == ["*"]


def test_grpc_is_offered_http_2(graph: Graph) -> None:
    assert balancer(graph)["alpn-policy"] == "HTTP2Preferred"


def test_without_tls_there_is_nothing_but_the_way_to_it(graph: Graph) -> None:
    plain = rendered.objects(graph, "Gateway")["models"]["spec"]["servers"][1]
    assert plain["tls"] == {"httpsRedirect": True}
    (policy,) = rendered.objects(graph, "AuthorizationPolicy").values()
    assert policy["spec"]["rules"] == [{"to": [{"operation": {"ports": ["80"]}}]}]


def test_the_internet_does_not_find_it_unless_somebody_in_it_is_named(graph: Graph) -> None:
    assert balancer(graph)["scheme"] == "internal"
    assert "loadBalancerSourceRanges" not in graph.one(SERVICE).inputs["spec"]


def test_only_those_who_are_named_come_from_the_internet() -> None:
    open_ = installed(Gateway, public_access_cidrs=["203.0.113.0/24"])
    assert balancer(open_)["scheme"] == "internet-facing"
    spec = open_.one(SERVICE).inputs["spec"]
    assert spec["loadBalancerSourceRanges"] == ["203.0.113.0/24"]


def test_another_load_balancer_is_waited_for_and_the_old_one_gone_before(graph: Graph) -> None:
    """Of an updated Service Pulumi takes the name that it has: the old load balancer's."""
    service = graph.one(SERVICE)
    (path,) = service.replaced_for
    assert path == f'metadata.annotations["{PREFIX}scheme"]'
    assert f"{PREFIX}scheme" in service.inputs["metadata"]["annotations"]
    assert service.deleted_before_replaced


def test_the_load_balancer_asks_each_proxy_whether_it_is_ready(graph: Graph) -> None:
    found = balancer(graph)
    assert found["nlb-target-type"] == "ip"
    assert (found["healthcheck-port"], found["healthcheck-path"]) == ("15021", "/healthz/ready")


def test_a_proxy_stays_until_nothing_new_is_sent_to_it(graph: Graph) -> None:
    values = rendered.values_of(graph, "istio-ingressgateway")
    attributes = dict(
        each.split("=") for each in balancer(graph)["target-group-attributes"].split(",")
    )
    deregistered = int(attributes["deregistration_delay.timeout_seconds"])
    drained = values["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert deregistered < drained < values["terminationGracePeriodSeconds"]


def test_the_load_balancer_is_gone_before_what_takes_it_away(graph: Graph) -> None:
    """Pitfall 39: our own Service is deleted when its load balancer is, the chart's would be
    deleted with the chart."""
    assert rendered.values_of(graph, "istio-ingressgateway")["service"] == {"type": "None"}
    service = graph.one(SERVICE)
    release = graph.one(rendered.RELEASE, "thing-istio-ingressgateway")
    assert release.urn in service.dependencies
    assert service.inputs["spec"]["selector"] == {"istio": "ingressgateway"}


def test_pods_are_ready_when_the_load_balancer_says_so(graph: Graph) -> None:
    labels = graph.one(rendered.NAMESPACE).inputs["metadata"]["labels"]
    assert labels["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"


def test_what_it_is_reached_at_is_told(graph: Graph) -> None:
    outputs = graph.one("serving:index:Gateway").outputs
    assert outputs is not None
    assert outputs.keys() == {"hostname"}


@pytest.mark.parametrize(("replicas", "budget"), [(1, {}), (2, {"maxUnavailable": 1})])
def test_one_of_several_may_be_missing(replicas: int, budget: dict[str, Any]) -> None:
    graph = installed(Gateway, surroundings=around(replicas=replicas))
    values = rendered.values_of(graph, "istio-ingressgateway")
    assert values["autoscaling"]["minReplicas"] == replicas
    assert values["podDisruptionBudget"] == budget


def test_durations_are_counted_at_the_edges_of_promises() -> None:
    graph = installed(Gateway, latency_edges_ms=[50, 250.0])
    annotations = rendered.values_of(graph, "istio-ingressgateway")["podAnnotations"]
    buckets = json.loads(annotations["sidecar.istio.io/statsHistogramBuckets"])
    assert buckets == {"istiocustom": [50, 250]}


@pytest.mark.parametrize(
    ("source", "to", "port", "expected"),
    [
        (INTERNET, PROXY, 443, True),  # the load balancer keeps its callers' addresses
        (INTERNET, PROXY, 15021, False),
        (INTERNET, PROXY, 15020, False),
        ("10.20.1.1", PROXY, 15021, True),
        (Pod(namespace="monitoring"), PROXY, 15020, True),
        (PROXY, MODEL, 8000, True),
        (PROXY, MODEL, 8001, True),
        (PROXY, MODEL, 8002, False),
        (PROXY, Pod(namespace="kube-system"), 8000, False),
        (PROXY, Pod(namespace="istio-system"), 15012, True),
        (PROXY, INTERNET, 443, False),
        (PROXY, Pod(namespace="tempo"), 4317, False),
    ],
)
def test_requests_come_in_and_go_to_models_alone(
    graph: Graph, source: Pod | str, to: Pod | str, port: int, expected: bool
) -> None:
    assert allowed(rendered.policies(graph, NAMESPACE), source, to, port) is expected


def test_spans_leave_for_where_traces_are_kept() -> None:
    found = rendered.policies(installed(Gateway, tracing_namespace="tempo"), NAMESPACE)
    assert allowed(found, PROXY, Pod(namespace="tempo"), 4317)


@pytest.fixture(scope="module")
def known() -> Graph:
    """Whose callers are known."""
    return installed(Gateway, tokens=TOKENS)


def patches(graph: Graph) -> list[Any]:
    found: list[Any] = rendered.objects(graph, "EnvoyFilter")["requests"]["spec"]["configPatches"]
    return found


def inserted(graph: Graph) -> dict[str, Any]:
    """Filters by name, in the order in which a request passes them."""
    return {
        each["patch"]["value"]["name"]: each["patch"]["value"]["typed_config"]
        for each in patches(graph)
        if each["applyTo"] == "HTTP_FILTER"
    }


def test_kubernetes_takes_what_makes_callers_known(known: Graph) -> None:
    assert rendered.wrong_objects(known) == []


def test_without_an_issuer_there_is_nobody_to_let_through(graph: Graph) -> None:
    for kind in ("RequestAuthentication", "EnvoyFilter"):
        assert not rendered.objects(graph, kind)


def test_tokens_are_of_one_issuer_and_meant_for_models(known: Graph) -> None:
    """TRF-3."""
    described = rendered.objects(known, "RequestAuthentication")["tokens"]["spec"]
    assert described["selector"] == {"matchLabels": PROXY.labels}
    (rule,) = described["jwtRules"]
    assert rule["issuer"] == "https://identity.example.com"
    assert rule["audiences"] == ["models"]
    assert rule["jwksUri"] == "https://identity.example.com/keys"


def test_a_token_is_taken_from_one_header_and_no_model_sees_it(known: Graph) -> None:
    (rule,) = rendered.objects(known, "RequestAuthentication")["tokens"]["spec"]["jwtRules"]
    assert rule["fromHeaders"] == [{"name": "authorization", "prefix": "Bearer "}]
    assert not rule.keys() & {"fromParams", "fromCookies", "outputPayloadToHeader"}
    assert rule["forwardOriginalToken"] is False


def test_keys_that_anybody_on_the_way_could_change_are_refused() -> None:
    with pytest.raises(ValueError, match="jwks_uri must be https"):
        replace(TOKENS, jwks_uri="http://identity.example.com/keys")


def test_who_a_caller_is_comes_from_its_token_and_never_from_itself(known: Graph) -> None:
    """T2."""
    (rule,) = rendered.objects(known, "RequestAuthentication")["tokens"]["spec"]["jwtRules"]
    assert rule["outputClaimToHeaders"] == [{"header": "x-tenant", "claim": "tenant"}]
    (manager,) = [each for each in patches(known) if each["applyTo"] == "NETWORK_FILTER"]
    config = manager["patch"]["value"]["typed_config"]
    (early,) = config["early_header_mutation_extensions"]
    dropped = [
        each["remove_on_match"]["key_matcher"]["prefix"]
        for each in early["typed_config"]["mutations"]
    ]
    assert dropped == ["x-tenant", "serving-"]
    underscores = config["common_http_protocol_options"]["headers_with_underscores_action"]
    assert underscores == "REJECT_REQUEST"


def test_each_tenant_has_its_own_rate(known: Graph) -> None:
    """TRF-4, TEN-4."""
    rate = inserted(known)["envoy.filters.http.local_ratelimit"]
    (action,) = rate["rate_limits"][0]["actions"]
    assert action["request_headers"] == {"header_name": "x-tenant", "descriptor_key": "tenant"}
    buckets = {each["entries"][0]["value"]: each["token_bucket"] for each in rate["descriptors"]}
    assert buckets == TOKENS.limits
    assert {each["entries"][0]["key"] for each in rate["descriptors"]} == {"tenant"}


def test_whoever_is_no_tenant_shares_the_smallest_rate(known: Graph) -> None:
    """F67: nothing outside the proxy is asked, so nothing can fail and let all through."""
    rate = inserted(known)["envoy.filters.http.local_ratelimit"]
    assert rate["token_bucket"] == {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "1s"}
    assert rate["always_consume_default_token_bucket"] is False
    for switch in ("filter_enabled", "filter_enforced"):
        share = rate[switch]["default_value"]
        assert share == {"numerator": 100, "denominator": "HUNDRED"}


def test_a_request_is_bounded_before_it_is_held(known: Graph) -> None:
    """gw-body-bounded."""
    assert list(inserted(known)) == [
        "envoy.filters.http.local_ratelimit", "envoy.filters.http.buffer",
    ]  # fmt: skip
    assert inserted(known)["envoy.filters.http.buffer"]["max_request_bytes"] == 1 << 20


def test_all_of_it_comes_after_the_token_and_only_where_tls_is(known: Graph) -> None:
    """Right before the router is after whatever Istio itself puts there."""
    for each in patches(known):
        listener = each["match"]["listener"]
        assert each["match"]["context"] == "GATEWAY"
        assert listener["portNumber"] == 443
        if each["applyTo"] == "HTTP_FILTER":
            assert each["patch"]["operation"] == "INSERT_BEFORE"
            router = listener["filterChain"]["filter"]["subFilter"]
            assert router == {"name": "envoy.filters.http.router"}
    spec = rendered.objects(known, "EnvoyFilter")["requests"]["spec"]
    assert spec["workloadSelector"] == {"labels": PROXY.labels}
