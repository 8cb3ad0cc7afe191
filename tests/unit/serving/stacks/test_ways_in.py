"""NET-9: a mesh or a load balancer routes the traffic, by `serving:mesh.enabled`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import pytest

from components.load_balancer_controller import READINESS
from serving.errors import InputError
from serving.settings import AwsSettings
from serving.stacks.ways_in import load_balancer_networks
from tests.cloud import ACCOUNT, HOSTNAME
from tests.conftest import Graph
from tests.iam import Call, allows
from tests.unit import rendered, stacks
from tests.unit.components.network import Pod, allowed
from tests.unit.serving.stacks import variants

WITHOUT: Mapping[str, Any] = {"mesh": {"enabled": False}}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return variants.meshless()


def described(**changes: Any) -> AwsSettings:
    found = stacks.settings("prod", **WITHOUT, **changes)
    assert isinstance(found, AwsSettings)
    return found


def test_nothing_of_istio_is_in_a_stack_without_a_mesh(graph: Graph) -> None:
    for each in graph:
        # What a pod costs is counted without a proxy, of whom there is none.
        if each.type.endswith(":PrometheusRule"):
            continue
        assert "istio" not in json.dumps([each.type, dict(each.inputs)], default=str), each.urn
    assert not graph.all("serving:index:Mesh")
    assert not graph.all("serving:index:Gateway")


def test_with_a_mesh_there_is_no_ingress() -> None:
    for stack in stacks.STACKS:
        kinds = {each.type.rpartition(":")[2] for each in stacks.graph(stack)}
        assert not kinds & {"Ingress", "IngressClass", "IngressClassParams"}


def test_charts_take_every_value_and_kubernetes_every_object(graph: Graph) -> None:
    assert rendered.wrong_values(graph) == []
    assert rendered.wrong_objects(graph) == []


def test_requests_come_in_by_the_load_balancer_that_the_domain_points_to(graph: Graph) -> None:
    assert graph.one("serving:index:Balancer").outputs == {"hostname": HOSTNAME}
    (parameters,) = rendered.objects(graph, "IngressClassParams").values()
    (certificate,) = parameters["spec"]["certificateArn"]
    domain = described().gateway.domain
    assert certificate.endswith(f"certificate/*.{domain}")


def test_no_alarm_and_no_private_service_waits_for_a_network_load_balancer(graph: Graph) -> None:
    assert not [
        each
        for each in graph.all("aws:cloudwatch/metricAlarm:MetricAlarm")
        if each.inputs["namespace"] == "AWS/NetworkELB"
    ]
    assert "aws:lb/getLoadBalancer:getLoadBalancer" not in graph.lookups


def test_the_load_balancer_goes_before_its_controller(graph: Graph) -> None:
    """Pitfall 39."""
    controller = graph.one(rendered.RELEASE, "load-balancers-aws-load-balancer-controller")
    assert controller.urn in graph.one("serving:index:Balancer").dependencies


def test_every_tenants_servers_are_reached_from_the_load_balancers_networks_alone(
    graph: Graph,
) -> None:
    policies = rendered.policies(graph, "tenant-vision")
    servers = Pod(namespace="tenant-vision", namespace_labels=READINESS)
    for cidr in load_balancer_networks(described()):
        address = str(next(ip_network(cidr).hosts()))
        assert allowed(policies, address, servers, 8000)
        assert allowed(policies, address, servers, 8001)
        assert not allowed(policies, address, servers, 8002)
    assert not allowed(policies, "198.51.100.7", servers, 8000)
    assert allowed(policies, Pod(namespace="monitoring"), servers, 8002)


def test_a_load_balancer_of_the_internet_stands_where_no_pods_are() -> None:
    inside = load_balancer_networks(described())
    gateway = {**stacks.values("prod")["gateway"], "public_access_cidrs": ["203.0.113.0/24"]}
    outside = load_balancer_networks(described(gateway=gateway))
    assert len(inside) == len(outside) == len(described().zones)
    assert not [
        (one, other)
        for one in map(ip_network, inside)
        for other in map(ip_network, outside)
        if one.overlaps(other)
    ]


def test_spans_of_servers_without_a_proxy_are_taken(graph: Graph) -> None:
    server = Pod(namespace="tenant-vision", namespace_labels=READINESS)
    assert allowed(rendered.policies(graph), server, Pod(namespace="tempo"), 4317)


@pytest.mark.parametrize(("variant", "routes"), [("prod", False), ("meshless", True)])
def test_the_controller_may_make_rules_only_where_its_load_balancer_has_some(
    variant: str, routes: bool
) -> None:
    (document,) = [
        each.document
        for each in variants.held(variant)
        if each.name == "load-balancer-controller-work"
    ]
    listener = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:listener/app/a/b/c"
    ours = {"aws:ResourceTag/elbv2.k8s.aws/cluster": "serving-prod"}
    asked = Call(action="elasticloadbalancing:CreateRule", resource=listener, context=ours)
    assert allows(document, asked) is routes


def test_private_link_without_a_mesh_is_refused_by_name() -> None:
    gateway = {
        **stacks.values("prod")["gateway"],
        "private_principals": [f"arn:aws:iam::{ACCOUNT}:root"],
    }
    with pytest.raises(InputError, match=r"serving:gateway\.private_principals: needs a network"):
        described(gateway=gateway)
    assert stacks.settings("prod", gateway=gateway)
