"""IAM documents: read strictly, matched as AWS matches them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving_policies.rule import Finding
from serving_policies.values import ABSENT, UNKNOWN, at, items, known


class Unreadable(ValueError):
    """AWS might read something else in it than we do."""


@dataclass(frozen=True)
class Statement:
    path: str
    """Of the property, and which statement of it."""
    said: Mapping[str, Any]

    @property
    def allows(self) -> bool:
        return self.said.get("Effect") == "Allow"

    def values(self, *elements: str) -> Sequence[Any]:
        return [value for element in elements for value in items(self.said.get(element))]

    @property
    def conditions(self) -> Sequence[tuple[str, str, Sequence[Any]]]:
        """Operator, key, values."""
        found = self.said.get("Condition") or {}
        return [
            (operator, key, items(values))
            for operator, entries in found.items()
            for key, values in entries.items()
        ]

    def asks(self, operator: str, key: str) -> Sequence[Any]:
        """Values of a condition. Its key has no case."""
        return [
            value
            for name, asked, values in self.conditions
            if name == operator and asked.lower() == key.lower()
            for value in values
        ]


def read(props: Mapping[str, Any], path: str) -> tuple[Sequence[Statement], Sequence[Finding]]:
    """The statements of the policy document in a property, or why they cannot be read: not known
    yet, or nothing that AWS is sure to read as we do."""
    document = at(props, path)
    if not known(document):
        return [], [Finding(path=path, value=UNKNOWN, must_be="a policy document in JSON")]
    if document is ABSENT:
        return [], []
    try:
        parsed = document if isinstance(document, Mapping) else _parsed(str(document))
        return [
            _statement(f"{path}.Statement[{index}]", said)
            for index, said in enumerate(items(parsed.get("Statement")))
        ], []
    except Unreadable as error:
        return [], [Finding(path=path, value=str(error), must_be="a policy document in JSON")]


def _statement(path: str, said: Any) -> Statement:
    if not isinstance(said, Mapping):
        raise Unreadable("a statement is no object")
    return Statement(path, said)


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise Unreadable(f"no JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise Unreadable("no JSON object")
    return document


def _once(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise Unreadable("a key occurs twice, and readers differ in which of the two counts")
    return entries


def covers(pattern: str, action: str) -> bool:
    """As IAM compares actions: without case, `*` for anything and `?` for any one character."""
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), action, re.IGNORECASE | re.DOTALL) is not None


def everything(resource: str) -> bool:
    """Whether a pattern of resources covers whatever role, user, group or policy there may be: it
    covers one that nobody has thought of."""
    parts = resource.split(":", 5)
    partition, account = ("aws", "0" * 12) if len(parts) < 6 else (parts[1], parts[4])
    return any(
        covers(resource, f"arn:{partition}:iam::{account}:{kind}/nobody/has-thought-of-it")
        for kind in ("role", "user", "group", "policy")
    )


def principals(element: Any) -> Sequence[str]:
    """Of a statement's `Principal`, of whatever sort."""
    if isinstance(element, Mapping):
        element = [value for values in element.values() for value in items(values)]
    return [value for value in items(element) if isinstance(value, str)]


def anyone(statement: Statement) -> bool:
    """Whether it is about everybody, or about everybody but some."""
    named = principals(statement.said.get("Principal"))
    return "NotPrincipal" in statement.said or any(set(each) <= set("*?") for each in named)


def denies_plain_text(found: Sequence[Statement], actions: Sequence[str]) -> bool:
    """Whether everybody who does not use TLS is turned away from these actions."""
    refused = [
        pattern
        for statement in found
        if statement.said.get("Effect") == "Deny"
        and "*" in principals(statement.said.get("Principal"))
        and [str(value).lower() for value in statement.asks("Bool", "aws:SecureTransport")]
        == ["false"]
        and len(statement.conditions) == 1
        for pattern in statement.values("Action")
    ]
    return all(any(covers(pattern, action) for pattern in refused) for action in actions)
