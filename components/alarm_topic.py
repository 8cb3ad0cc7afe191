"""Where alarms go, and who hears of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class AlarmTopicArgs:
    account_id: pulumi.Input[str]
    emails: Sequence[str]
    """Each gets a mail first, to confirm."""

    def __post_init__(self) -> None:
        if not self.emails:
            raise ValueError("emails must name at least one")


class AlarmTopic(pulumi.ComponentResource):
    arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: AlarmTopicArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:AlarmTopic", name, None, opts)
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

        self.arn = topic.arn
        self.register_outputs({"arn": self.arn})


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
