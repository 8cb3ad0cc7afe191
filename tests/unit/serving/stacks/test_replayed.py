"""Other inputs than those of prod on moto, each in an account of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto import mock_aws

from tests.cloud import ACCOUNT
from tests.unit import rendered, stacks
from tests.unit.serving.stacks.test_pipeline import GITHUB, STATE

KARPENTER: dict[str, Any] = {
    "cluster": {**stacks.values("dev")["cluster"], "autoscaler": "karpenter"}
}
EVERYTHING: dict[str, Any] = {
    "store": {},  # without a lock
    "images": {"pull_through": ["ecr-public", "kubernetes", "quay"]},
    "github": GITHUB,
    "state": STATE,
}
PRIVATE: dict[str, Any] = {
    "gateway": {
        **stacks.values("dev")["gateway"],
        "private_principals": [f"arn:aws:iam::{ACCOUNT}:root"],
    }
}


@pytest.mark.parametrize(
    ("stack", "changes"),
    [("dev", {}), ("prod", EVERYTHING)],
    ids=["dev", "everything else"],
)
def test_aws_refuses_nothing(stack: str, changes: dict[str, Any]) -> None:
    with mock_aws():
        replay, _ = stacks.replayed(stack, **changes)
    assert len(replay.asked) > 80


def test_who_comes_by_privatelink_is_named_and_finds_a_load_balancer_that_is_private() -> None:
    """NET-7."""
    with mock_aws():
        replay, graph = stacks.replayed("dev", **PRIVATE)
        ec2, elb = replay.account.client("ec2"), replay.account.client("elbv2")
        (service,) = ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
        may = ec2.describe_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"])
        balancers = elb.describe_load_balancers(LoadBalancerArns=service["NetworkLoadBalancerArns"])
    assert [each["Principal"] for each in may["AllowedPrincipals"]] == [
        f"arn:aws:iam::{ACCOUNT}:root"
    ]
    assert [each["Type"] for each in balancers["LoadBalancers"]] == ["network"]
    made = graph.one("kubernetes:core/v1:Service", "gateway").inputs["metadata"]["annotations"]
    assert made["service.beta.kubernetes.io/aws-load-balancer-scheme"] == "internal"


def test_what_aws_says_of_a_node_reaches_karpenters_queue() -> None:
    """Pitfall 28: two minutes before it takes a Spot node back, and no later."""
    with mock_aws():
        replay, graph = stacks.replayed("dev", **KARPENTER)
        client = replay.account.client
        (url,) = client("sqs").list_queues()["QueueUrls"]
        known = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        event = {
            "Source": "aws.ec2",
            "DetailType": "EC2 Spot Instance Interruption Warning",
            "Detail": json.dumps({"instance-id": "i-1", "instance-action": "terminate"}),
        }
        client("events").put_events(Entries=[event, {**event, "DetailType": "Something else"}])
        said = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(each["Body"])["detail-type"] for each in said] == [event["DetailType"]]
    attributes = known["Attributes"]
    assert (attributes["MessageRetentionPeriod"], attributes["SqsManagedSseEnabled"]) == (
        "300", "true",
    )  # fmt: skip
    told = rendered.values_of(graph, "karpenter")["settings"]["interruptionQueue"]
    assert url.endswith(f"/{told}")
