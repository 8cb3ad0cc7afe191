from __future__ import annotations

from dataclasses import replace

from components.vpc_endpoints import VpcEndpoints, VpcEndpointsArgs
from tests.cloud import S3_CIDRS
from tests.conftest import Graph, Synth
from tests.unit.components.examples import EXAMPLES

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"


def endpoints(synth: Synth, **changes: object) -> Graph:
    args = EXAMPLES[VpcEndpoints]
    assert isinstance(args, VpcEndpointsArgs)
    return synth(lambda: VpcEndpoints("endpoints", replace(args, **changes)))


def test_s3_is_reached_through_every_private_route_table(synth: Synth) -> None:
    gateway = endpoints(synth).one(ENDPOINT, "endpoints-s3")
    assert gateway.inputs["vpcEndpointType"] == "Gateway"
    assert gateway.inputs["serviceName"] == "com.amazonaws.us-east-1.s3"
    assert gateway.inputs["routeTableIds"] == ["rtb-us-east-1a", "rtb-us-east-1b"]


def test_every_service_answers_in_every_zone_under_its_usual_name(synth: Synth) -> None:
    graph = endpoints(synth, services=("sts", "ecr.api"))
    assert [each.name for each in graph.all(ENDPOINT)] == [
        "endpoints-ecr.api", "endpoints-s3", "endpoints-sts",
    ]  # fmt: skip
    sts = graph.one(ENDPOINT, "endpoints-sts").inputs
    assert sts["subnetIds"] == ["subnet-us-east-1a", "subnet-us-east-1b"]
    assert sts["privateDnsEnabled"] is True


def test_only_the_vpc_may_ask_and_only_over_https(synth: Synth) -> None:
    rule = endpoints(synth).one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rule.inputs["cidrIpv4"] == "10.20.0.0/16"
    assert (rule.inputs["fromPort"], rule.inputs["toPort"]) == (443, 443)


def test_where_aws_answers_is_published(synth: Synth) -> None:
    itself = endpoints(synth).one("serving:index:VpcEndpoints")
    assert itself.outputs == {"cidrs": ["10.20.0.0/24", "10.20.1.0/24", *S3_CIDRS]}
