"""IAM documents: permissions put together, and written as IAM measures them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Condition: TypeAlias = Mapping[str, Mapping[str, str | Sequence[str]]]
Statement: TypeAlias = Mapping[str, object]
Document: TypeAlias = Mapping[str, object]

ANY: Final = "*"
"""For actions that no resource can be named for."""


def allow(
    actions: Sequence[str], resources: str | Sequence[str], condition: Condition | None = None
) -> Statement:
    return _statement("Allow", actions, resources, condition)


def deny(
    actions: Sequence[str], resources: str | Sequence[str], condition: Condition | None = None
) -> Statement:
    return _statement("Deny", actions, resources, condition)


def document(*statements: Statement) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def written(content: Document) -> str:
    return json.dumps(content, separators=(",", ":"))


def _statement(
    effect: str,
    actions: Sequence[str],
    resources: str | Sequence[str],
    condition: Condition | None,
) -> Statement:
    named = resources if isinstance(resources, str) else list(resources)
    statement = {"Effect": effect, "Action": list(actions), "Resource": named}
    return statement if condition is None else {**statement, "Condition": condition}
