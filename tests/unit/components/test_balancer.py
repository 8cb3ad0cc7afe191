from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from components.balancer import CLASS, NAMESPACE, PREFIX, Balancer
from tests.cloud import HOSTNAME
from tests.conftest import Graph
from tests.unit import rendered
from tests.unit.components.installing import installed

INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
INGRESS_CLASS = "kubernetes:networking.k8s.io/v1:IngressClass"
NAMED = ["203.0.113.0/24"]


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(Balancer)


def parameters(graph: Graph) -> Mapping[str, Any]:
    found: Mapping[str, Any] = rendered.objects(graph, "IngressClassParams")[CLASS]["spec"]
    return found


def annotations(graph: Graph) -> dict[str, str]:
    found = graph.one(INGRESS).inputs["metadata"]["annotations"]
    return {key.removeprefix(PREFIX): value for key, value in found.items()}


def test_the_domain_points_to_the_load_balancer_that_the_controller_made(graph: Graph) -> None:
    assert graph.one("serving:index:Balancer").outputs == {"hostname": HOSTNAME}


def test_the_class_is_the_controllers_and_has_the_parameters(graph: Graph) -> None:
    spec = graph.one(INGRESS_CLASS).inputs["spec"]
    assert spec["controller"] == "ingress.k8s.aws/alb"
    assert spec["parameters"] == {
        "apiGroup": "elbv2.k8s.aws", "kind": "IngressClassParams", "name": CLASS,
    }  # fmt: skip
    assert graph.one(INGRESS).inputs["spec"]["ingressClassName"] == CLASS


def test_callers_meet_tls_1_2_or_later_with_a_certificate_of_acm(graph: Graph) -> None:
    """TRF-11."""
    found = parameters(graph)
    (certificate,) = found["certificateArn"]
    assert certificate.startswith("arn:aws:acm:")
    assert found["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"


def test_without_tls_there_is_nothing_but_the_way_to_it(graph: Graph) -> None:
    assert json.loads(annotations(graph)["listen-ports"]) == [{"HTTP": 80}, {"HTTPS": 443}]
    assert parameters(graph)["sslRedirectPort"] == "443"


def test_who_asks_for_an_unknown_host_hears_that_there_is_none(graph: Graph) -> None:
    spec = graph.one(INGRESS).inputs["spec"]
    assert "rules" not in spec
    backend = spec["defaultBackend"]["service"]
    assert backend["port"] == {"name": "use-annotation"}
    told = json.loads(annotations(graph)[f"actions.{backend['name']}"])
    assert told["type"] == "fixed-response"
    assert told["fixedResponseConfig"]["statusCode"] == "404"


def test_all_ingresses_of_the_class_are_one_load_balancers_and_of_chosen_namespaces(
    graph: Graph,
) -> None:
    found = parameters(graph)
    assert found["group"] == {"name": CLASS}
    assert found["targetType"] == "ip"
    labels = graph.one(rendered.NAMESPACE).inputs["metadata"]["labels"]
    assert found["namespaceSelector"]["matchLabels"].items() <= labels.items()


def test_headers_that_are_none_are_dropped(graph: Graph) -> None:
    attributes = {
        each["key"]: each["value"] for each in parameters(graph)["loadBalancerAttributes"]
    }
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["idle_timeout.timeout_seconds"] == "300"


def test_the_internet_does_not_find_it_unless_somebody_in_it_is_named(graph: Graph) -> None:
    assert parameters(graph)["scheme"] == annotations(graph)["scheme"] == "internal"
    assert "inboundCIDRs" not in parameters(graph)


def test_only_those_who_are_named_come_from_the_internet() -> None:
    graph = installed(Balancer, public_access_cidrs=NAMED)
    assert parameters(graph)["scheme"] == annotations(graph)["scheme"] == "internet-facing"
    assert parameters(graph)["inboundCIDRs"] == NAMED


def test_another_load_balancer_is_waited_for(graph: Graph) -> None:
    """Of an updated Ingress Pulumi takes the name that it has: the old load balancer's."""
    door = graph.one(INGRESS)
    (path,) = door.replaced_for
    assert path == f'metadata.annotations["{PREFIX}scheme"]'
    assert door.deleted_before_replaced


def test_the_door_opens_after_its_class_and_closes_before_it(graph: Graph) -> None:
    ingress_class = graph.one(INGRESS_CLASS)
    assert ingress_class.urn in graph.one(INGRESS).dependencies
    parameters = graph.one("kubernetes:elbv2.k8s.aws/v1beta1:IngressClassParams")
    assert parameters.urn in ingress_class.dependencies


def test_servers_without_a_proxy_are_measured_themselves(graph: Graph) -> None:
    spec = rendered.objects(graph, "PodMonitor")["models"]["spec"]
    assert spec["namespaceSelector"] == {"any": True}
    assert spec["selector"] == {"matchLabels": {"component": "inference"}}
    (endpoint,) = spec["podMetricsEndpoints"]
    keep, address = endpoint["relabelings"]
    assert keep["sourceLabels"] == ["__meta_kubernetes_pod_annotation_prometheus_io_scrape"]
    assert (keep["regex"], keep["action"]) == ("true", "keep")
    assert address["sourceLabels"] == [
        "__meta_kubernetes_pod_ip",
        "__meta_kubernetes_pod_annotation_prometheus_io_port",
    ]
    assert (address["separator"], address["targetLabel"]) == (":", "__address__")


def test_nothing_runs_in_its_namespace(graph: Graph) -> None:
    assert not graph.all(rendered.RELEASE)
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert closed in [each["spec"] for each in rendered.policies(graph, NAMESPACE)]
