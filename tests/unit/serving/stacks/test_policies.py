"""SEC-2: the policies of the stacks' resources themselves; those of roles are in `identity`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.conftest import Registered
from tests.iam import listed, statements
from tests.unit import stacks

LONGEST: Final = {
    "aws:efs/fileSystemPolicy:FileSystemPolicy": 20_000,
    "aws:kms/key:Key": 32_768,
    "aws:s3/bucketPolicy:BucketPolicy": 20_480,
    "aws:sns/topicPolicy:TopicPolicy": 30_720,
}
"""Bytes, by who refuses more."""

PINS: Final = {
    "aws:PrincipalArn",
    "aws:SourceAccount",
    "aws:SourceArn",
    "kms:CallerAccount",
    "kms:EncryptionContext:aws:logs:arn",
}
"""Condition keys that say whose request it is."""


def policies(stack: str) -> Iterator[tuple[Registered, Mapping[str, Any]]]:
    for each in stacks.graph(stack):
        if each.type in LONGEST:
            yield each, parsed(each.inputs["policy"])


def parsed(text: str) -> Mapping[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    found: Mapping[str, Any] = json.loads(text, object_pairs_hook=once)
    return found


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_they_are_of_the_plain_form_and_fit(stack: str) -> None:
    for resource, policy in policies(stack):
        assert policy.keys() == {"Version", "Statement"}, resource.urn
        # A stack grows, and what it has grown out of is refused in the middle of an update.
        assert len(resource.inputs["policy"].encode()) <= LONGEST[resource.type] / 4, resource.urn
        for statement in statements(policy):
            assert statement.keys() - {"Sid", "Condition"} == {
                "Effect", "Principal", "Action", "Resource",
            }, resource.urn  # fmt: skip
            assert statement.get("Condition", {"": ""}), f"an empty condition of {resource.urn}"
        said = [json.dumps(each, sort_keys=True) for each in statements(policy)]
        assert len(set(said)) == len(said), f"{resource.urn} says something twice"


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_they_allow_actions_by_name_on_what_is_named_to_who_is_named(stack: str) -> None:
    for resource, policy in policies(stack):
        for statement in statements(policy):
            if statement["Effect"] == "Deny":
                continue
            for action in listed(statement["Action"]):
                assert action.partition(":")[2] != "*", resource.urn
            condition = {key for keys in statement.get("Condition", {}).values() for key in keys}
            if statement["Principal"] == {"AWS": "*"} or "Service" in statement["Principal"]:
                assert condition & PINS, (resource.urn, statement)
            if resource.type != "aws:kms/key:Key":  # whose only resource is the key itself
                assert "*" not in listed(statement["Resource"]), resource.urn


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_there_are_some_of_every_kind(stack: str) -> None:
    assert {resource.type for resource, _ in policies(stack)} == LONGEST.keys()
