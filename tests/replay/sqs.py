"""Queues."""

from __future__ import annotations

from typing import Any, Final

from tests.replay.account import Account, Inputs, Made

ATTRIBUTES: Final = {
    "MessageRetentionPeriod": "messageRetentionSeconds",
    "SqsManagedSseEnabled": "sqsManagedSseEnabled",
}


def queue(account: Account, name: str, inputs: Inputs) -> Made:
    sqs, named = account.client("sqs"), inputs.named(QueueName="name")
    attributes = {key: _text(value) for key, value in inputs.named(**ATTRIBUTES).items()}
    url = sqs.create_queue(Attributes=attributes, **named)["QueueUrl"]
    known = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return url, {"url": url, "arn": known["QueueArn"]}


def policy(account: Account, name: str, inputs: Inputs) -> Made:
    account.client("sqs").set_queue_attributes(
        QueueUrl=inputs["queueUrl"], Attributes=inputs.named(Policy="policy")
    )
    return inputs["queueUrl"], {}


def _text(value: Any) -> str:
    """All attributes are texts."""
    return str(value).lower() if isinstance(value, bool) else str(value)


ENTRIES: Final = {
    "aws:sqs/queue:Queue": queue,
    "aws:sqs/queuePolicy:QueuePolicy": policy,
}
