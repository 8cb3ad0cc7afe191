from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from components.alarms import Alarms, AlarmsArgs, MetricAlarm, topic_policy
from tests.cloud import ACCOUNT
from tests.conftest import Graph, Synth
from tests.iam import Call
from tests.resource_policy import verdict

ALARM: Final = MetricAlarm(
    description="Too many",
    namespace="AWS/EFS",
    metric="PercentIOLimit",
    dimensions={"FileSystemId": "fs-1"},
    threshold=90,
    minutes=15,
)
TOPIC: Final = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"


def alarms(synth: Synth) -> Graph:
    args = AlarmsArgs(
        account_id=ACCOUNT, emails=("a@example.com", "b@example.com"), alarms={"store": ALARM}
    )
    return synth(lambda: Alarms("alarms", args))


def test_an_alarm_is_about_its_metric_for_as_long_as_asked(synth: Synth) -> None:
    alarm = alarms(synth).one("aws:cloudwatch/metricAlarm:MetricAlarm").inputs
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/EFS", "PercentIOLimit")
    assert alarm["dimensions"] == {"FileSystemId": "fs-1"}
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("GreaterThanThreshold", 90)
    assert alarm["period"] * alarm["evaluationPeriods"] == 15 * 60
    assert alarm["alarmDescription"] == "Too many"


def test_everybody_hears_of_it_and_of_its_end(synth: Synth) -> None:
    graph = alarms(synth)
    alarm = graph.one("aws:cloudwatch/metricAlarm:MetricAlarm").inputs
    subscriptions = graph.all("aws:sns/topicSubscription:TopicSubscription")
    (topic,) = {each.inputs["topic"] for each in subscriptions}
    assert alarm["alarmActions"] == alarm["okActions"] == [topic]
    assert {(each.inputs["protocol"], each.inputs["endpoint"]) for each in subscriptions} == {
        ("email", "a@example.com"),
        ("email", "b@example.com"),
    }


def test_only_alarms_of_this_account_are_passed_on(synth: Synth) -> None:
    policy = topic_policy(TOPIC, ACCOUNT)

    def publish(service: str, source: str) -> str:
        context = {"aws:SourceArn": source}
        call = Call(action="sns:Publish", resource=TOPIC, context=context)
        return verdict(policy, {"Service": service}, call)

    ours = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:alarms-store"
    assert publish("cloudwatch.amazonaws.com", ours) == "allow"
    assert publish("cloudwatch.amazonaws.com", ours.replace(ACCOUNT, "999999999999")) == "nothing"
    assert publish("events.amazonaws.com", ours) == "nothing"
    registered = alarms(synth).one("aws:sns/topicPolicy:TopicPolicy").inputs["policy"]
    assert [each["Action"] for each in json.loads(registered)["Statement"]] == ["sns:Publish"]


@pytest.mark.parametrize("minutes", [0, 4, 7])
def test_times_that_cloudwatch_does_not_sum_up_over_are_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match=f"multiple of 5, got {minutes}"):
        replace(ALARM, minutes=minutes)


def test_alarms_that_nobody_hears_are_refused() -> None:
    nobody: dict[str, Any] = {"account_id": ACCOUNT, "emails": (), "alarms": {}}
    with pytest.raises(ValueError, match="at least one"):
        AlarmsArgs(**nobody)
