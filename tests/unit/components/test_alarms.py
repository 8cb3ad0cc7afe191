from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from components.alarms import Alarms, AlarmsArgs, MetricAlarm
from tests.cloud import ACCOUNT
from tests.conftest import Synth

ALARM: Final = MetricAlarm(
    description="Too many",
    namespace="AWS/EFS",
    metric="PercentIOLimit",
    dimensions={"FileSystemId": "fs-1"},
    threshold=90,
    minutes=15,
)
TOPIC: Final = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"


def made(synth: Synth, alarm: MetricAlarm = ALARM) -> Mapping[str, Any]:
    args = AlarmsArgs(topic_arn=TOPIC, alarms={"store": alarm})
    graph = synth(lambda: Alarms("alarms", args))
    return graph.one("aws:cloudwatch/metricAlarm:MetricAlarm", "alarms-store").inputs


def test_an_alarm_is_about_its_metric_for_as_long_as_asked(synth: Synth) -> None:
    alarm = made(synth)
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/EFS", "PercentIOLimit")
    assert alarm["dimensions"] == {"FileSystemId": "fs-1"}
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("GreaterThanThreshold", 90)
    assert alarm["period"] * alarm["evaluationPeriods"] == 15 * 60
    assert alarm["alarmDescription"] == "Too many"


def test_too_little_can_be_an_alarm_too(synth: Synth) -> None:
    alarm = made(synth, replace(ALARM, comparison="LessThanThreshold", threshold=1))
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("LessThanThreshold", 1)


def test_the_topic_hears_of_it_and_of_its_end(synth: Synth) -> None:
    alarm = made(synth)
    assert alarm["alarmActions"] == alarm["okActions"] == [TOPIC]


@pytest.mark.parametrize("minutes", [0, 4, 7])
def test_times_that_cloudwatch_does_not_sum_up_over_are_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match=f"multiple of 5, got {minutes}"):
        replace(ALARM, minutes=minutes)
