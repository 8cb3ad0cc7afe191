"""Who comes by the gateway's load balancer, and who hears that it fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from components.gateway_objects import PREFIX
from serving.settings import AwsSettings
from serving.stacks.load_balancer import failing
from tests.conftest import Graph, Registered
from tests.unit import stacks
from tests.unit.serving.stacks.variants import everything

STACKS = pytest.mark.parametrize("stack", stacks.STACKS)

ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
LOOKUP: Final = "aws:lb/getLoadBalancer:getLoadBalancer"
PRIVATE_SERVICE: Final = "aws:ec2/vpcEndpointService:VpcEndpointService"

BY_LOAD_BALANCER_ALONE: Final = {
    "PortAllocationErrorCount",
    "RejectedFlowCount",
    "TargetTLSNegotiationErrorCount",
    "ZonalHealthStatus",
}
"""Of AWS' table, those we use of the metrics that it publishes for a whole load balancer, as it
does not publish `UnHealthyHostCount`."""


def alarms(graph: Graph) -> Mapping[str, Registered]:
    return {each.name: each for each in graph.all(ALARM) if each.name.startswith("gateway-")}


@STACKS
def test_alarms_are_about_the_load_balancer_of_the_gateway(stack: str) -> None:
    """OBS-17: by what AWS publishes for it as a whole."""
    found = alarms(stacks.graph(stack))
    assert {each.inputs["metricName"] for each in found.values()} == BY_LOAD_BALANCER_ALONE
    for each in found.values():
        assert each.inputs["namespace"] == "AWS/NetworkELB", each.name
        assert each.inputs["dimensions"] == {
            "LoadBalancer": "net/istio-ingress-istio-ingressgateway/0123456789abcdef"
        }, each.name


@STACKS
def test_the_load_balancer_is_looked_up_once_the_service_has_it_and_its_alarms_go_before_it(
    stack: str,
) -> None:
    graph = stacks.graph(stack)
    service = graph.one("kubernetes:core/v1:Service", "gateway")
    for each in alarms(graph).values():
        assert service.urn in each.dependencies, each.name


@STACKS
def test_whoever_hears_of_the_store_hears_of_the_load_balancer_and_is_asked_once(
    stack: str,
) -> None:
    graph, settings = stacks.graph(stack), stacks.settings(stack)
    assert isinstance(settings, AwsSettings)
    topics = {tuple(each.inputs["alarmActions"]) for each in graph.all(ALARM)}
    subscriptions = graph.all("aws:sns/topicSubscription:TopicSubscription")
    assert topics == {(each.inputs["topic"],) for each in subscriptions}
    assert sorted(each.inputs["endpoint"] for each in subscriptions) == sorted(settings.contacts)


@pytest.mark.parametrize(
    ("alarm", "samples", "alarmed"),
    [
        ("zones", [1, 1, 1], False),
        ("zones", [1, 0, 1], True),
        ("zones", [0, 0, 0], True),
        ("ports", [0, 0, 0], False),
        ("ports", [0, 1, 0], True),
        ("rejections", [0, 0, 0], False),
        ("rejections", [0, 1, 0], True),
        ("handshakes", [1], True),
    ],
)
def test_one_zone_without_health_or_one_lost_connection_is_one_too_many(
    alarm: str, samples: list[int], alarmed: bool
) -> None:
    """The samples of one period, of which CloudWatch takes the average."""
    wanted = failing("net/a/1")[alarm]
    average = sum(samples) / len(samples)
    below = wanted.comparison == "LessThanThreshold"
    assert (average < wanted.threshold if below else average > wanted.threshold) is alarmed


def test_the_health_of_zones_is_that_of_targets_only_while_each_target_serves_all_zones() -> None:
    graph = stacks.graph("prod")
    gateway = graph.one("kubernetes:core/v1:Service", "gateway").inputs["metadata"]
    attributes = gateway["annotations"][f"{PREFIX}attributes"].split(",")
    assert "load_balancing.cross_zone.enabled=true" in attributes


def test_who_comes_by_privatelink_finds_the_gateway_and_the_internet_does_not() -> None:
    """NET-7."""
    found, outputs = everything()
    service = found.one(PRIVATE_SERVICE)
    (balancer,) = service.inputs["networkLoadBalancerArns"]
    assert "loadbalancer/net/istio-ingress-istio-ingressgateway/" in balancer
    gateway = found.one("kubernetes:core/v1:Service", "gateway")
    annotations = gateway.inputs["metadata"]["annotations"]
    assert annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] == "internal"
    assert gateway.urn in service.dependencies, "AWS deletes no load balancer that is in use"
    assert "private_service" in outputs
    assert found.lookups.count(LOOKUP) == 1


@STACKS
def test_nobody_comes_by_privatelink_unless_named(stack: str) -> None:
    assert stacks.graph(stack).all(PRIVATE_SERVICE) == []
