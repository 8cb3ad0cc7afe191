"""The evaluator that other tests lean on, against the rules of IAM's own reference."""

from __future__ import annotations

from typing import Any

import pytest

from tests.iam import Call, Context, allows, assumes, holds, like, web_identity

BUCKET = "arn:aws:s3:::models"


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: str | list[str], resource: str | list[str], **rest: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **rest}


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("a*c", "abbc", True),
        ("a*c", "ac", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a.c", "abc", False),
        ("*", "", True),
        ("models/*", "models", False),
        ("models/*", "models/a/b", True),
        ("Models", "models", False),
        ("a*", "a\nb", True),
        ("a", "a\n", False),
    ],
)
def test_a_pattern_matches_as_a_whole(pattern: str, value: str, matches: bool) -> None:
    assert like(pattern, value) is matches


@pytest.mark.parametrize(
    ("condition", "context", "satisfied"),
    [
        ({"StringEquals": {"k": "a"}}, {"k": "a"}, True),
        ({"StringEquals": {"k": "a"}}, {"k": "A"}, False),
        ({"StringEquals": {"k": "a*"}}, {"k": "ab"}, False),
        ({"StringEquals": {"k": ["a", "b"]}}, {"k": "b"}, True),
        ({"StringEquals": {"k": "a"}}, {}, False),
        ({"StringEquals": {"k": "a", "l": "b"}}, {"k": "a"}, False),
        ({"StringEquals": {"k": "a"}, "StringLike": {"l": "b*"}}, {"k": "a", "l": "bc"}, True),
        ({"StringEqualsIfExists": {"k": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"k": "a"}}, {"k": "b"}, False),
        ({"StringNotEquals": {"k": "a"}}, {}, True),
        ({"StringNotEquals": {"k": ["a", "b"]}}, {"k": "b"}, False),
        ({"Null": {"k": "true"}}, {}, True),
        ({"Null": {"k": "false"}}, {}, False),
        ({"Null": {"k": "false"}}, {"k": "x"}, True),
        ({"Bool": {"k": "false"}}, {"k": "False"}, True),
        ({"ForAnyValue:StringEquals": {"k": ["a", "b"]}}, {"k": ["c", "b"]}, True),
        ({"ForAnyValue:StringEquals": {"k": ["a", "b"]}}, {"k": []}, False),
        ({"ForAnyValue:StringLike": {"k": "a*"}}, {"k": ["b", "ab"]}, True),
        ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, {"k": ["a", "c"]}, False),
        ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, {}, True),
    ],
)
def test_a_condition_holds_as_the_reference_says(
    condition: dict[str, Any], context: Context, satisfied: bool
) -> None:
    assert holds(condition, context) is satisfied


def test_a_denial_wins_over_every_permission() -> None:
    reads = document(allow("s3:GetObject", f"{BUCKET}/*"))
    secret = {"Effect": "Deny", "Action": "s3:*", "Resource": f"{BUCKET}/secret/*"}
    both = [reads, document(secret)]
    assert allows(both, Call(action="s3:GetObject", resource=f"{BUCKET}/a"))
    assert not allows(both, Call(action="s3:GetObject", resource=f"{BUCKET}/secret/a"))


@pytest.mark.parametrize(
    ("call", "allowed"),
    [
        (Call(action="s3:getobject", resource=f"{BUCKET}/a"), True),
        (Call(action="s3:GetObjectVersion", resource=f"{BUCKET}/a"), False),
        (Call(action="s3:GetObject", resource=BUCKET), False),
        (Call(action="s3:GetObject", resource="arn:aws:s3:::MODELS/a"), False),
        (Call(action="s3:PutObject", resource=f"{BUCKET}/a"), False),
    ],
)
def test_what_nobody_allows_is_denied(call: Call, allowed: bool) -> None:
    assert allows(document(allow("s3:GetObject", f"{BUCKET}/*")), call) is allowed


def test_a_trust_is_of_the_principal_that_it_names() -> None:
    trust = document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "backup.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    )
    assert assumes(trust, "sts:AssumeRole", {"Service": "backup.amazonaws.com"}, {})
    assert not assumes(trust, "sts:AssumeRole", {"Service": "ec2.amazonaws.com"}, {})
    assert not assumes(trust, "sts:AssumeRole", {"AWS": "backup.amazonaws.com"}, {})
    assert not assumes(trust, "sts:TagSession", {"Service": "backup.amazonaws.com"}, {})


def test_claims_of_another_provider_are_no_claims() -> None:
    provider = "arn:aws:iam::123456789012:oidc-provider/issuer.example/id"
    trust = document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {"issuer.example/id:sub": "me"}},
        }
    )
    assert web_identity(trust, provider, {"sub": "me"})
    assert not web_identity(trust, provider, {"sub": "you"})
    assert not web_identity(trust, f"{provider}2", {"sub": "me"})


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:*", "NotResource": "*"},
        allow("s3:GetObject", "arn:aws:s3:::${aws:username}"),
        allow("s3:GetObject", "*", Condition={"NumericLessThan": {"k": "1"}}),
        allow("s3:GetObject", "*", Condition={"ForSomeValue:StringEquals": {"k": "1"}}),
    ],
)
def test_what_is_not_understood_is_not_passed_over(statement: dict[str, Any]) -> None:
    call = Call(action="s3:GetObject", resource=f"{BUCKET}/a", context={"k": "0"})
    with pytest.raises((NotImplementedError, KeyError)):
        allows(document(statement), call)
