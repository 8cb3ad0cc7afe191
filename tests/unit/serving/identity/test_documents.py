"""SEC-2: what every document keeps to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from serving.identity.document import Document, written
from tests.iam import holds, listed, statements
from tests.unit.serving.identity.documents import DOCUMENTS, SCOPE, actions

INLINE_LIMIT = 10_240
"""Characters of all inline policies of a role, spaces not counted."""

READS = re.compile(r"[a-z0-9-]+:(Describe|Get|List)\w+")
DATA = {"kms:Decrypt", "s3:GetObject", "secretsmanager:GetSecretValue", "ssm:GetParameter"}

AMAZONS = ("image/", "snapshot/", "parameter/aws/service/")
"""What AWS itself publishes, in no account."""

each_document = pytest.mark.parametrize("name", DOCUMENTS)


def every(name: str) -> Iterator[tuple[str, str, str, Any]]:
    """Effect, action, resource, condition."""
    for statement in statements(DOCUMENTS[name]):
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield statement["Effect"], action, resource, statement.get("Condition", {})


@each_document
def test_it_fits_a_role(name: str) -> None:
    assert len(re.sub(r"\s", "", written(DOCUMENTS[name]))) <= INLINE_LIMIT


@each_document
def test_it_names_actions_that_there_are(name: str) -> None:
    named = {action for _, action, _, _ in every(name)}
    assert {action for action in named if action.lower() not in actions()} == set()


@each_document
def test_it_names_every_action_in_full(name: str) -> None:
    assert [action for _, action, _, _ in every(name) if set(action) & set("*?")] == []


@each_document
def test_on_any_resource_it_only_looks(name: str) -> None:
    looks = [action for _, action, resource, _ in every(name) if resource == "*"]
    assert [action for action in looks if not READS.fullmatch(action) or action in DATA] == []


@each_document
def test_it_stays_in_its_account_and_region(name: str) -> None:
    """S3's names hold neither, and IAM has no region."""
    for _, _, resource, _ in every(name):
        if resource == "*" or resource.startswith("arn:aws:s3:::"):
            continue
        _, _, service, region, account, rest = resource.split(":", 5)
        if not rest.startswith(AMAZONS):
            assert account == SCOPE.account, resource
        assert region == ("" if service == "iam" else SCOPE.region), resource


@each_document
def test_no_condition_holds_of_a_request_that_says_nothing(name: str) -> None:
    """As `ForAllValues` and `…IfExists` alone would."""
    for effect, action, _, condition in every(name):
        if effect == "Allow" and condition:
            assert not holds(condition, {}), action


@each_document
def test_it_says_nothing_twice(name: str) -> None:
    said = [(a, r, json.dumps(c, sort_keys=True)) for _, a, r, c in every(name)]
    assert len(said) == len(set(said))
    free = {(action, resource) for _, action, resource, condition in every(name) if not condition}
    bound = {(action, resource) for _, action, resource, condition in every(name) if condition}
    assert free & bound == set(), "what is allowed without a condition needs none elsewhere"


@each_document
def test_its_statements_are_of_the_plain_form(name: str) -> None:
    for statement in statements(DOCUMENTS[name]):
        assert {"Effect", "Action", "Resource"} <= statement.keys()
        assert statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert statement["Action"]
        assert statement["Resource"]


@mock_aws
@each_document
def test_iam_takes_it(name: str) -> None:
    """SEC-2. moto's own validator, which knows the grammar."""
    iam = boto3.client("iam", region_name="us-east-1")
    created = iam.create_policy(PolicyName=name, PolicyDocument=written(DOCUMENTS[name]))
    assert created["Policy"]["PolicyName"] == name


@mock_aws
@pytest.mark.parametrize(
    "document",
    [
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*"}]},
        {"Version": "2012-10-17", "Statement": [{"Effect": "May", "Action": "s3:GetObject"}]},
        {"Version": "2012-10-18", "Statement": []},
    ],
)
def test_iam_does_not_take_everything(document: Document) -> None:
    iam = boto3.client("iam", region_name="us-east-1")
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_policy(PolicyName="malformed", PolicyDocument=written(document))
