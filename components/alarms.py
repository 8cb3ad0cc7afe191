"""What CloudWatch alone can see go wrong, and who is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class MetricAlarm:
    """A metric that is above its threshold for a while."""

    description: str
    """What the mail says: what it means, and what to do."""
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    threshold: float
    minutes: int

    def __post_init__(self) -> None:
        if self.minutes % 5 or self.minutes < 5:
            raise ValueError(f"minutes must be a multiple of 5, got {self.minutes}")


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    account_id: pulumi.Input[str]
    emails: Sequence[str]
    """Each gets a mail first, to confirm."""
    alarms: Mapping[str, MetricAlarm]

    def __post_init__(self) -> None:
        if not self.emails:
            raise ValueError("emails must name at least one")


class Alarms(pulumi.ComponentResource):
    topic_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Alarms", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        topic = aws.sns.Topic(name, opts=within)
        aws.sns.TopicPolicy(
            name,
            arn=topic.arn,
            policy=pulumi.Output.all(topic.arn, args.account_id).apply(
                lambda known: json.dumps(topic_policy(known[0], known[1]))
            ),
            opts=within,
        )
        for email in args.emails:
            aws.sns.TopicSubscription(
                f"{name}-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=within
            )
        for key, alarm in args.alarms.items():
            aws.cloudwatch.MetricAlarm(
                f"{name}-{key}",
                alarm_description=alarm.description,
                namespace=alarm.namespace,
                metric_name=alarm.metric,
                dimensions=alarm.dimensions,
                statistic="Average",
                comparison_operator="GreaterThanThreshold",
                threshold=alarm.threshold,
                period=300,
                evaluation_periods=alarm.minutes // 5,
                # Nobody uses it, so it sends nothing.
                treat_missing_data="notBreaching",
                alarm_actions=[topic.arn],
                ok_actions=[topic.arn],
                opts=within,
            )

        self.topic_arn = topic.arn
        self.register_outputs({"topic_arn": self.topic_arn})


def topic_policy(topic_arn: str, account: str) -> dict[str, object]:
    region = topic_arn.split(":")[3]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic_arn,
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{region}:{account}:alarm:*"}
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
