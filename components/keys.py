"""The keys that data at rest is encrypted with: one for each kind of data, and who may use it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import pulumi
import pulumi_aws as aws

Purpose: TypeAlias = Literal["cluster", "images", "logs", "models", "secrets", "volumes"]

DESCRIPTIONS: Final[Mapping[Purpose, str]] = {
    "cluster": "Secrets of the Kubernetes cluster",
    "images": "Container images",
    "logs": "Logs, and the audit trail",
    "models": "Models, in S3 and in EFS",
    "secrets": "Secrets Manager",
    "volumes": "Disks of nodes and of pods",
}

SERVICES: Final[Mapping[Purpose, Sequence[str]]] = {
    "images": ("ecr",),
    "logs": ("logs", "s3"),
    "models": ("elasticfilesystem", "s3"),
    "secrets": ("secretsmanager",),
    "volumes": ("ec2",),
}
"""Through what a principal of the account may use a key. EKS is none of the services that KMS can
tell apart, so the cluster's key is used directly."""

ADMINISTRATION: Final = (
    "kms:CancelKeyDeletion",
    "kms:Describe*",
    "kms:Disable*",
    "kms:Enable*",
    "kms:Get*",
    "kms:List*",
    "kms:Put*",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:Update*",
)
USE: Final = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


@dataclass(frozen=True, kw_only=True)
class KeysArgs:
    account_id: pulumi.Input[str]
    region: str
    retain: bool = True


class Keys(pulumi.ComponentResource):
    arns: Mapping[Purpose, pulumi.Output[str]]

    def __init__(
        self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Keys", name, None, opts)

        def key(purpose: Purpose, description: str) -> aws.kms.Key:
            policy = pulumi.Output.from_input(args.account_id).apply(
                lambda account: json.dumps(key_policy(purpose, account, args.region))
            )
            return aws.kms.Key(
                f"{name}-{purpose}",
                description=description,
                policy=policy,
                enable_key_rotation=True,
                deletion_window_in_days=30 if args.retain else 7,
                opts=pulumi.ResourceOptions(parent=self, protect=args.retain),
            )

        self.arns = {
            purpose: key(purpose, description).arn for purpose, description in DESCRIPTIONS.items()
        }
        self.register_outputs({"arns": self.arns})


Statement: TypeAlias = Mapping[str, object]


def key_policy(purpose: Purpose, account: str, region: str) -> dict[str, object]:
    """IAM decides who of the account may administer and use a key; this, through which service."""
    statements = [
        _allow({"AWS": _root(account)}, ADMINISTRATION),
        _allow({"AWS": _root(account)}, (*USE, "kms:CreateGrant"), _through(purpose, region)),
    ]
    if purpose == "logs":
        statements += _of_log_services(account, region)
    if purpose == "volumes":
        statements += _of_auto_scaling(account)
    return {"Version": "2012-10-17", "Statement": statements}


def _through(purpose: Purpose, region: str) -> Statement:
    services = [f"{service}.{region}.amazonaws.com" for service in SERVICES.get(purpose, ())]
    return {"StringEquals": {"kms:ViaService": services}} if services else {}


def _of_log_services(account: str, region: str) -> list[Statement]:
    groups = f"arn:aws:logs:{region}:{account}:log-group:*"
    trails = f"arn:aws:cloudtrail:{region}:{account}:trail/*"
    trail = {"Service": "cloudtrail.amazonaws.com"}
    return [
        _allow(
            {"Service": f"logs.{region}.amazonaws.com"},
            (*USE, "kms:DescribeKey"),
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        ),
        _allow(
            trail,
            ("kms:GenerateDataKey*",),
            {
                "ArnLike": {
                    "aws:SourceArn": trails,
                    "kms:EncryptionContext:aws:cloudtrail:arn": trails,
                }
            },
        ),
        # To write with a bucket's key it reads that key.
        _allow(trail, ("kms:Decrypt", "kms:DescribeKey"), {"ArnLike": {"aws:SourceArn": trails}}),
    ]


def _of_auto_scaling(account: str) -> list[Statement]:
    """Its role starts the nodes of every group. By condition, because a principal that does not
    exist is refused, and in a new account AWS makes the role with the first group."""
    role = (
        f"arn:aws:iam::{account}:role/aws-service-role/autoscaling.amazonaws.com/"
        "AWSServiceRoleForAutoScaling"
    )
    itself = {"StringEquals": {"kms:CallerAccount": account, "aws:PrincipalArn": role}}
    for_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [
        _allow({"AWS": "*"}, (*USE, "kms:DescribeKey"), itself),
        _allow({"AWS": "*"}, ("kms:CreateGrant",), {**itself, **for_aws}),
    ]


def _root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def _allow(
    principal: Mapping[str, str], actions: Sequence[str], condition: Statement | None = None
) -> Statement:
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": list(actions),
        "Resource": "*",
    }
    return {**statement, "Condition": condition} if condition else statement
