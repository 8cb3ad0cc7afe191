"""SEC-3, SEC-10, STO-7, STO-13: the documents on moto's IAM, which lets a role do what they allow.

moto compares resources of S3, SQS and IAM, asks all other services for `*`, and looks at no
condition; what it cannot tell apart is in `test_calls.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from components.irsa import irsa_trust
from components.model_bucket import read_policy
from serving.identity.document import Document, document, written
from serving.identity.promotion import promotion
from serving.identity.state import State
from tests.cloud import ACCOUNT, ISSUER
from tests.iam import web_identity
from tests.unit.serving.identity.documents import (
    DOCUMENTS,
    LOGS,
    MODELS,
    QUEUE,
    REGION,
    SCOPE,
    STATE,
    bucket,
)

PROVIDER: Final = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
Clients = Callable[[str], Any]
Ask = Callable[[Clients], object]


@pytest.fixture(scope="module", autouse=True)
def cloud() -> Iterator[None]:
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        for each in (MODELS, LOGS, STATE.bucket):
            s3.create_bucket(Bucket=name(each.arn))
        for key in ("digits/1/manifest.json", "scan/1/manifest.json"):
            s3.put_object(Bucket=name(MODELS.arn), Key=key, Body=b"{}")
        for queue in (name(QUEUE), "other"):
            boto3.client("sqs", region_name=REGION).create_queue(QueueName=queue)
        for key in (".pulumi/stacks/serving/prod.json", ".pulumi/stacks/serving/dev.json"):
            s3.put_object(Bucket=name(STATE.bucket.arn), Key=key, Body=b"{}")
        yield


def name(arn: str) -> str:
    return arn.rpartition(":")[2]


@cache
def assumed(role: str) -> Clients:
    return in_a_pod(ALL[role], role)


def in_a_pod(content: Document, service_account: str) -> Clients:
    """Pod → OIDC → STS: the token is judged by the role's trust, then STS hands out keys."""
    trust = irsa_trust(PROVIDER, "platform", service_account)
    iam = boto3.client("iam", region_name=REGION)
    role = iam.create_role(RoleName=service_account, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=service_account, PolicyName="all", PolicyDocument=written(content))
    subject = f"system:serviceaccount:platform:{service_account}"
    assert web_identity(trust, PROVIDER, {"aud": "sts.amazonaws.com", "sub": subject})
    keys = boto3.client("sts", region_name=REGION).assume_role_with_web_identity(
        RoleArn=role["Role"]["Arn"], RoleSessionName="pod", WebIdentityToken="t" * 8
    )["Credentials"]

    @cache
    def client(service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    return client


@set_initial_no_auth_action_count(0)
def permitted(client: Clients, ask: Ask) -> bool:
    try:
        ask(client)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return False
    return True


def get(arn: str, key: str) -> Ask:
    return lambda client: client("s3").get_object(Bucket=name(arn), Key=key)


def put(arn: str, key: str) -> Ask:
    return lambda client: client("s3").put_object(Bucket=name(arn), Key=key, Body=b"{}")


def delete(arn: str, key: str) -> Ask:
    return lambda client: client("s3").delete_object(Bucket=name(arn), Key=key)


def names_of(arn: str) -> Ask:
    return lambda client: client("s3").list_objects_v2(Bucket=name(arn))


def asks(service: str, operation: str, **arguments: Any) -> Ask:
    return lambda client: getattr(client(service), operation)(**arguments)


def url(queue: str) -> str:
    return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}"


OURS, OTHERS = url(QUEUE.rpartition(":")[2]), url("other")

STATE_FILES: Final = ".pulumi/stacks/serving"
JOURNAL: Final = "promotions/prod/journals/digits/20261126T000000.000000Z-v2/00000001.json"

ALL: Final[Mapping[str, Document]] = {
    **DOCUMENTS,
    "digits": read_policy(MODELS.arn, MODELS.key_arn, "digits"),
    "preview": document(*STATE.read()),
}

ALLOWED: Final[Mapping[str, list[Ask]]] = {
    "cloudwatch": [asks("ec2", "describe_volumes"), asks("ec2", "describe_tags")],
    "cluster-autoscaler": [
        asks("autoscaling", "describe_auto_scaling_groups"),
        asks("ec2", "describe_launch_template_versions", Versions=["$Latest"]),
    ],
    "digits": [get(MODELS.arn, "digits/1/manifest.json")],
    "ebs-csi": [asks("ec2", "describe_volumes"), asks("ec2", "describe_instances")],
    "ingress-controller": [
        asks("ec2", "describe_subnets"),
        asks("elbv2", "describe_load_balancers"),
        asks("elbv2", "describe_target_groups"),
    ],
    "karpenter": [
        asks("ec2", "describe_instances"),
        asks("sqs", "receive_message", QueueUrl=OURS),
    ],
    "load-balancer-controller": [
        asks("ec2", "describe_subnets"),
        asks("ec2", "describe_security_groups"),
        asks("elbv2", "describe_load_balancers"),
        asks("elbv2", "describe_target_groups"),
    ],
    "loki": [
        put(LOGS.arn, "index/1"),
        names_of(LOGS.arn),
        delete(LOGS.arn, "index/1"),
    ],
    "preview": [
        get(STATE.bucket.arn, f"{STATE_FILES}/prod.json"),
        names_of(STATE.bucket.arn),
    ],
    "promotion": [
        get(MODELS.arn, "digits/1/manifest.json"),
        get(MODELS.arn, "scan/1/manifest.json"),
        names_of(MODELS.arn),
        get(STATE.bucket.arn, f"{STATE_FILES}/prod.json"),
        put(STATE.bucket.arn, f"{STATE_FILES}/prod.json"),
        put(STATE.bucket.arn, ".pulumi/locks/organization/serving/prod/1.json"),
        delete(STATE.bucket.arn, ".pulumi/locks/organization/serving/prod/1.json"),
        put(STATE.bucket.arn, JOURNAL),
        put(STATE.bucket.arn, "promotions/prod/leases/digits/lease.json"),
        delete(STATE.bucket.arn, "promotions/prod/leases/digits/asks/1.json"),
    ],
    "vpc-cni": [asks("ec2", "describe_network_interfaces"), asks("ec2", "describe_subnets")],
}

DENIED: Final[Mapping[str, list[Ask]]] = {
    "cloudwatch": [asks("ec2", "describe_instances"), names_of(LOGS.arn)],
    "cluster-autoscaler": [
        asks("autoscaling", "delete_auto_scaling_group", AutoScalingGroupName="a"),
        asks("ec2", "describe_volumes"),
        names_of(MODELS.arn),
    ],
    "digits": [
        get(MODELS.arn, "scan/1/manifest.json"),
        put(MODELS.arn, "digits/1/manifest.json"),
        delete(MODELS.arn, "digits/1/manifest.json"),
        get(STATE.bucket.arn, f"{STATE_FILES}/prod.json"),
    ],
    "ebs-csi": [asks("ec2", "create_snapshot", VolumeId="vol-1"), names_of(LOGS.arn)],
    "ingress-controller": [
        asks("ec2", "describe_volumes"),
        asks("iam", "list_roles"),
        names_of(MODELS.arn),
    ],
    "karpenter": [
        asks("sqs", "receive_message", QueueUrl=OTHERS),
        asks("sqs", "send_message", QueueUrl=OURS, MessageBody="x"),
        asks("ec2", "describe_volumes"),
        asks("iam", "list_roles"),
    ],
    "load-balancer-controller": [
        asks("ec2", "create_vpc", CidrBlock="10.0.0.0/16"),
        asks("ec2", "describe_volumes"),
        asks("iam", "list_roles"),
        names_of(MODELS.arn),
    ],
    "loki": [
        get(MODELS.arn, "digits/1/manifest.json"),
        put(MODELS.arn, "index/1"),
        asks("s3", "delete_bucket", Bucket=name(LOGS.arn)),
        asks("ec2", "describe_instances"),
    ],
    "preview": [
        get(STATE.bucket.arn, f"{STATE_FILES}/dev.json"),
        put(STATE.bucket.arn, f"{STATE_FILES}/prod.json"),
        put(STATE.bucket.arn, ".pulumi/locks/organization/serving/prod/1.json"),
        delete(STATE.bucket.arn, f"{STATE_FILES}/prod.json"),
        get(MODELS.arn, "digits/1/manifest.json"),
    ],
    "promotion": [
        put(MODELS.arn, "digits/1/manifest.json"),
        delete(MODELS.arn, "digits/1/manifest.json"),
        get(STATE.bucket.arn, f"{STATE_FILES}/dev.json"),
        put(STATE.bucket.arn, f"{STATE_FILES}/dev.json"),
        delete(STATE.bucket.arn, f"{STATE_FILES}/prod.json"),
        delete(STATE.bucket.arn, JOURNAL),
        asks("ec2", "create_vpc", CidrBlock="10.0.0.0/16"),
        asks("iam", "list_roles"),
        asks("sqs", "list_queues"),
    ],
    "vpc-cni": [
        asks("ec2", "terminate_instances", InstanceIds=["i-1"]),
        asks("ec2", "describe_volumes"),
    ],
}


@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_can_do_its_work(role: str) -> None:
    client = assumed(role)
    assert [permitted(client, ask) for ask in ALLOWED[role]] == [True] * len(ALLOWED[role])


@pytest.mark.parametrize("role", DENIED)
def test_a_role_can_do_nothing_else(role: str) -> None:
    client = assumed(role)
    assert [permitted(client, ask) for ask in DENIED[role]] == [False] * len(DENIED[role])


def test_whatever_moto_can_tell_apart_is_tried_both_ways() -> None:
    """Secrets Manager and SNS are asked for `*` there, which no document of ours allows."""
    untold = {"alertmanager", "external-secrets"}
    assert ALLOWED.keys() == DENIED.keys() == ALL.keys() - untold


def test_the_promotion_of_one_stack_is_denied_the_state_of_another() -> None:
    other = State(bucket=bucket("serving-state"), project="serving", stack="dev")
    client = in_a_pod(promotion(SCOPE, MODELS, other, []), "promotion-of-dev")
    assert permitted(client, get(STATE.bucket.arn, f"{STATE_FILES}/dev.json"))
    assert not permitted(client, get(STATE.bucket.arn, f"{STATE_FILES}/prod.json"))


def test_a_stranger_with_made_up_keys_is_denied() -> None:
    def client(service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            aws_access_key_id="AKIAMADEUP",
            aws_secret_access_key="made up",
        )

    @set_initial_no_auth_action_count(0)
    def ask() -> None:
        get(MODELS.arn, "digits/1/manifest.json")(client)

    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        ask()
