"""IAM documents are matched as AWS matches them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving_policies.documents import covers, everything, read
from serving_policies.values import UNKNOWN

ACTION = st.from_regex(r"[a-z0-9-]{1,8}:[A-Za-z]{1,12}", fullmatch=True)


@given(ACTION, st.data())
def test_a_pattern_covers_what_it_was_made_from(action: str, data: st.DataObject) -> None:
    """With any character a question mark, any stretch a star, in any case."""
    start = data.draw(st.integers(0, len(action)))
    end = data.draw(st.integers(start, len(action)))
    assert covers(action[:start] + "*" + action[end:], action)
    assert covers(action[:start] + "?" * (end - start) + action[end:], action)
    assert covers(action.swapcase(), action)


@given(ACTION, ACTION)
def test_a_pattern_without_wildcards_covers_itself_alone(one: str, other: str) -> None:
    assert covers(one, other) is (one.lower() == other.lower())


@pytest.mark.parametrize(
    ("pattern", "action"),
    [("s3:Get", "s3:GetObject"), ("s3:?", "s3:GetObject"), ("s3.GetObject", "s3:GetObject")],
)
def test_a_pattern_covers_no_more_than_it_says(pattern: str, action: str) -> None:
    assert not covers(pattern, action)


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "**",
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam::*:*",
        "arn:aws:iam::123456789012:r*",
        "arn:aws:iam::123456789012:policy/*",
        "arn:*:iam::*:role/?*",
    ],
)
def test_a_pattern_that_leaves_no_role_out_is_everything(resource: str) -> None:
    assert everything(resource)


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:iam::123456789012:role/nodes",
        "arn:aws:iam::123456789012:role/serving-prod-*",
        "arn:aws:iam::123456789012:role/serving/*",
        "arn:aws:sqs:eu-west-1:123456789012:batch-*",
    ],
)
def test_a_pattern_with_a_name_in_it_is_not(resource: str) -> None:
    assert not everything(resource)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"text"',
        '{"Statement": ["text"]}',
        '{"Statement": [], "Statement": []}',
        '{"Statement": [{"Effect": "Deny", "Effect": "Allow"}]}',
    ],
)
def test_what_readers_may_read_differently_is_not_read(text: str) -> None:
    found, wrong = read({"policy": text}, "policy")
    assert found == []
    assert [each.must_be for each in wrong] == ["a policy document in JSON"]


@pytest.mark.parametrize("many", [True, False])
def test_one_statement_may_stand_without_a_list(many: bool) -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document: Any = {"Statement": [statement] if many else statement}
    for policy in (document, json.dumps(document)):
        found, wrong = read({"policy": policy}, "policy")
        assert [each.said for each in found] == [statement]
        assert wrong == []


def test_a_document_with_something_unknown_in_it_is_unknown() -> None:
    for policy in (UNKNOWN, {"Statement": [{"Effect": "Allow", "Resource": UNKNOWN}]}):
        found, wrong = read({"policy": policy}, "policy")
        assert found == []
        assert [each.value for each in wrong] == [UNKNOWN]
