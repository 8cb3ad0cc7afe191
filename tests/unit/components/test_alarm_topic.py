from __future__ import annotations

import json

import pytest

from components.alarm_topic import AlarmTopic, AlarmTopicArgs, topic_policy
from tests.cloud import ACCOUNT
from tests.conftest import Graph, Synth
from tests.iam import Call
from tests.resource_policy import verdict

TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"


def topic(synth: Synth) -> Graph:
    args = AlarmTopicArgs(account_id=ACCOUNT, emails=("a@example.com", "b@example.com"))
    return synth(lambda: AlarmTopic("alarms", args))


def test_everybody_hears_of_what_is_said_there(synth: Synth) -> None:
    graph = topic(synth)
    subscriptions = graph.all("aws:sns/topicSubscription:TopicSubscription")
    (said,) = {each.inputs["topic"] for each in subscriptions}
    assert graph.one("serving:index:AlarmTopic").outputs == {"arn": said}
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
    registered = topic(synth).one("aws:sns/topicPolicy:TopicPolicy").inputs["policy"]
    assert [each["Action"] for each in json.loads(registered)["Statement"]] == ["sns:Publish"]


def test_a_topic_that_nobody_hears_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        AlarmTopicArgs(account_id=ACCOUNT, emails=())
