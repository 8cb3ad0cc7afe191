"""What CloudWatch alone can see go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class MetricAlarm:
    """A metric that is on average beyond its threshold for a while."""

    description: str
    """What the mail says: what it means, and what to do."""
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    comparison: Literal["GreaterThanThreshold", "LessThanThreshold"] = "GreaterThanThreshold"
    threshold: float
    minutes: int

    def __post_init__(self) -> None:
        if self.minutes % 5 or self.minutes < 5:
            raise ValueError(f"minutes must be a multiple of 5, got {self.minutes}")


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    topic_arn: pulumi.Input[str]
    """Hears of each alarm, and of its end."""
    alarms: Mapping[str, MetricAlarm]


class Alarms(pulumi.ComponentResource):
    def __init__(
        self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Alarms", name, None, opts)
        for key, alarm in args.alarms.items():
            aws.cloudwatch.MetricAlarm(
                f"{name}-{key}",
                alarm_description=alarm.description,
                namespace=alarm.namespace,
                metric_name=alarm.metric,
                dimensions=alarm.dimensions,
                statistic="Average",
                comparison_operator=alarm.comparison,
                threshold=alarm.threshold,
                period=300,
                evaluation_periods=alarm.minutes // 5,
                # Nobody uses it, so it sends nothing.
                treat_missing_data="notBreaching",
                alarm_actions=[args.topic_arn],
                ok_actions=[args.topic_arn],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
