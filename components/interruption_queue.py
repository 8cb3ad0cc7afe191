"""What AWS says of nodes that it takes back, for whoever takes their pods off in time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "health": ("aws.health", "AWS Health Event"),
    "reservation": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "spot": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "state": ("aws.ec2", "EC2 Instance State-change Notification"),
}
"""As Karpenter v1.14.1 asks for them: source and kind."""


@dataclass(frozen=True, kw_only=True)
class InterruptionQueueArgs:
    queue_name: str
    """Also what the names of the rules begin with: a pipeline's role goes by them."""


class InterruptionQueue(pulumi.ComponentResource):
    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: InterruptionQueueArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:InterruptionQueue", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        queue = aws.sqs.Queue(
            name,
            name=args.queue_name,
            # What is older is no news.
            message_retention_seconds=300,
            sqs_managed_sse_enabled=True,
            opts=within,
        )
        policy = aws.sqs.QueuePolicy(
            name,
            queue_url=queue.url,
            policy=queue.arn.apply(lambda arn: json.dumps(queue_policy(arn))),
            opts=within,
        )
        for key, (source, kind) in EVENTS.items():
            rule = aws.cloudwatch.EventRule(
                f"{name}-{key}",
                name=f"{args.queue_name}-{key}",
                event_pattern=json.dumps({"source": [source], "detail-type": [kind]}),
                opts=within,
            )
            aws.cloudwatch.EventTarget(
                f"{name}-{key}",
                rule=rule.name,
                arn=queue.arn,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )

        self.name = queue.name
        self.arn = queue.arn
        self.register_outputs({"name": self.name, "arn": self.arn})


def queue_policy(queue_arn: str) -> dict[str, object]:
    send = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
    }
    tls = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": queue_arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [send, tls]}
