from __future__ import annotations

import json
from typing import Any

import pytest

from components.interruption_queue import EVENTS, InterruptionQueue, queue_policy
from tests.conftest import Graph
from tests.unit.components.installing import installed

QUEUE = "aws:sqs/queue:Queue"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(InterruptionQueue)


def test_every_kind_of_interruption_reaches_the_queue(graph: Graph) -> None:
    rules = {
        each.name: json.loads(each.inputs["eventPattern"])
        for each in graph.all("aws:cloudwatch/eventRule:EventRule")
    }
    targets = graph.all("aws:cloudwatch/eventTarget:EventTarget")
    assert {each["detail-type"][0] for each in rules.values()} == {
        kind for _, kind in EVENTS.values()
    }
    assert len(targets) == len(rules) == 5
    assert {each.inputs["arn"] for each in targets} == {
        graph.one("serving:index:InterruptionQueue").outputs["arn"]
    }  # type: ignore[index]


def test_it_is_encrypted_and_keeps_nothing_old(graph: Graph) -> None:
    inputs = graph.one(QUEUE).inputs
    assert inputs["sqsManagedSseEnabled"] is True
    assert inputs["messageRetentionSeconds"] == 300


def statements() -> list[dict[str, Any]]:
    found: Any = queue_policy("arn:queue")["Statement"]
    return list(found)


def test_only_events_are_sent_and_only_over_tls() -> None:
    send, tls = statements()
    assert send["Principal"] == {"Service": "events.amazonaws.com"}
    assert send["Action"] == "sqs:SendMessage"
    assert (tls["Effect"], tls["Condition"]) == (
        "Deny", {"Bool": {"aws:SecureTransport": "false"}},
    )  # fmt: skip


def test_no_event_is_sent_before_it_may_be(graph: Graph) -> None:
    policy = graph.one("aws:sqs/queuePolicy:QueuePolicy")
    targets = graph.all("aws:cloudwatch/eventTarget:EventTarget")
    assert all(policy.urn in each.dependencies for each in targets)
