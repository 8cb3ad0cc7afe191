from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final, get_args

import boto3
import pytest

from components.keys import ADMINISTRATION, SERVICES, USE, Keys, KeysArgs, Purpose, key_policy
from tests.cloud import ACCOUNT
from tests.conftest import Graph, Synth
from tests.iam import Call, like
from tests.resource_policy import verdict

KEY: Final = "aws:kms/key:Key"
REGION: Final = "us-east-1"
ROOT: Final = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)


def keys(synth: Synth, **changes: Any) -> Graph:
    args = replace(KeysArgs(account_id=ACCOUNT, region=REGION), **changes)
    return synth(lambda: Keys("keys", args))


def asked(purpose: Purpose, principal: dict[str, str], action: str, **context: str) -> str:
    policy = key_policy(purpose, ACCOUNT, REGION)
    return verdict(policy, principal, Call(action=action, context=context))


def through(service: str) -> dict[str, str]:
    return {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}


def test_each_kind_of_data_has_a_key_that_rotates(synth: Synth) -> None:
    found = keys(synth).all(KEY)
    assert {each.name for each in found} == {f"keys-{purpose}" for purpose in PURPOSES}
    assert all(each.inputs["enableKeyRotation"] is True for each in found)
    for purpose in PURPOSES:
        (key,) = [each for each in found if each.name == f"keys-{purpose}"]
        assert json.loads(key.inputs["policy"]) == key_policy(purpose, ACCOUNT, REGION)


@pytest.mark.parametrize(("retain", "days"), [(True, 30), (False, 7)])
def test_a_key_is_protected_and_long_in_going_unless_it_may_go(
    synth: Synth, retain: bool, days: int
) -> None:
    for key in keys(synth, retain=retain).all(KEY):
        assert key.protect is retain
        assert key.inputs["deletionWindowInDays"] == days


@pytest.mark.parametrize("purpose", PURPOSES)
def test_who_administers_a_key_can_always_change_its_policy(purpose: Purpose) -> None:
    """A key that locks its account out can only be given up."""
    assert asked(purpose, ROOT, "kms:PutKeyPolicy") == "allow"
    assert asked(purpose, ROOT, "kms:ScheduleKeyDeletion") == "allow"


@pytest.mark.parametrize("purpose", SERVICES)
@pytest.mark.parametrize("action", ["kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"])
def test_a_key_is_used_through_its_own_services_alone(purpose: Purpose, action: str) -> None:
    for service in ("ecr", "ec2", "elasticfilesystem", "logs", "s3", "secretsmanager", "sqs"):
        expected = "allow" if service in SERVICES[purpose] else "nothing"
        assert asked(purpose, ROOT, action, **through(service)) == expected, service
    assert asked(purpose, ROOT, action) == "nothing"


def test_eks_takes_the_clusters_key_from_who_creates_the_cluster() -> None:
    assert asked("cluster", ROOT, "kms:CreateGrant") == "allow"


@pytest.mark.parametrize("purpose", PURPOSES)
def test_nobody_of_another_account_gets_anything(purpose: Purpose) -> None:
    stranger = {"AWS": "arn:aws:iam::999999999999:role/admin"}
    for service in SERVICES.get(purpose, ("s3",)):
        for action in ("kms:Decrypt", "kms:PutKeyPolicy", "kms:CreateGrant"):
            context = {**through(service), "kms:CallerAccount": "999999999999"}
            assert asked(purpose, stranger, action, **context) == "nothing"


def test_cloudwatch_encrypts_log_groups_of_this_account_and_no_others() -> None:
    logs = {"Service": f"logs.{REGION}.amazonaws.com"}

    def encrypt(group: str) -> str:
        context = {"kms:EncryptionContext:aws:logs:arn": group}
        return asked("logs", logs, "kms:Encrypt", **context)

    assert encrypt(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/eks/a/cluster") == "allow"
    assert encrypt(f"arn:aws:logs:{REGION}:999999999999:log-group:/aws/eks/a") == "nothing"
    assert asked("models", logs, "kms:Encrypt") == "nothing"


def test_cloudtrail_writes_for_trails_of_this_account_and_no_others() -> None:
    cloudtrail = {"Service": "cloudtrail.amazonaws.com"}

    def write(account: str) -> str:
        trail = f"arn:aws:cloudtrail:{REGION}:{account}:trail/serving-prod"
        context = {"aws:SourceArn": trail, "kms:EncryptionContext:aws:cloudtrail:arn": trail}
        return asked("logs", cloudtrail, "kms:GenerateDataKey", **context)

    assert write(ACCOUNT) == "allow"
    assert write("999999999999") == "nothing"
    assert asked("logs", cloudtrail, "kms:GenerateDataKey") == "nothing"
    assert asked("models", cloudtrail, "kms:GenerateDataKey") == "nothing"


def test_auto_scaling_starts_nodes_with_encrypted_disks() -> None:
    role = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"

    def starts(arn: str, action: str, **more: str) -> str:
        context = {"kms:CallerAccount": ACCOUNT, "aws:PrincipalArn": arn, **more}
        return asked("volumes", {"AWS": arn}, action, **context)

    itself, other = f"arn:aws:iam::{ACCOUNT}:{role}", f"arn:aws:iam::{ACCOUNT}:role/pod"
    grant = {"kms:GrantIsForAWSResource": "true"}
    assert starts(itself, "kms:GenerateDataKeyWithoutPlaintext") == "allow"
    assert starts(itself, "kms:CreateGrant", **grant) == "allow"
    assert starts(itself, "kms:CreateGrant") == "nothing"
    assert starts(other, "kms:Decrypt") == "nothing"
    assert starts(other, "kms:CreateGrant", **grant) == "nothing"


def test_every_action_is_one_that_kms_has() -> None:
    known = boto3.client("kms", region_name=REGION).meta.service_model.operation_names
    for pattern in (*ADMINISTRATION, *USE, "kms:CreateGrant"):
        assert any(like(pattern, f"kms:{operation}") for operation in known), pattern
