"""A private bucket: versioned, encrypted, over TLS alone, closed to the public, its use logged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi
import pulumi_aws as aws

DELETED_DAYS: Final = 90
"""How long what was deleted or overwritten can be brought back."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Object Lock: nobody may delete or overwrite an object while it lasts."""

    days: int
    mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    """Governance gives way to who has a permission for just that; compliance to nobody at all."""

    def __post_init__(self) -> None:
        if self.days < 1:
            raise ValueError(f"days must be at least 1, got {self.days}")


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    bucket_name: pulumi.Input[str]
    """Bucket names are shared by all of AWS."""
    key_arn: pulumi.Input[str] | None
    """None is S3's own key, for what can use no other."""
    access_log_bucket: pulumi.Input[str] | None
    """Where S3 says who read what; None for that bucket itself."""
    statements: Sequence[pulumi.Input[Mapping[str, Any]]] = ()
    """Of the bucket's policy, beside the one that asks for TLS."""
    lock: Lock | None = None
    """Only for a new bucket."""
    expire_days: int | None = None
    """When objects are deleted by themselves."""
    retain: bool = True


class Bucket(pulumi.ComponentResource):
    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Bucket", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        bucket = aws.s3.Bucket(
            name,
            bucket=args.bucket_name,
            object_lock_enabled=args.lock is not None,
            force_destroy=not args.retain,
            opts=pulumi.ResourceOptions(parent=self, protect=args.retain),
        )
        policy = _close(name, bucket, args.statements, within)
        _encrypt(name, bucket, args.key_arn, within)
        _keep(name, bucket, args, self)
        if args.access_log_bucket is not None:
            aws.s3.BucketLogging(
                name,
                bucket=bucket.id,
                target_bucket=args.access_log_bucket,
                target_prefix=f"{name}/",
                opts=within,
            )

        # Who has the name may count on the policy.
        self.bucket = pulumi.Output.all(bucket.id, policy.id).apply(lambda ids: str(ids[0]))
        self.arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})


def _close(
    name: str,
    bucket: aws.s3.Bucket,
    statements: Sequence[pulumi.Input[Mapping[str, Any]]],
    opts: pulumi.ResourceOptions,
) -> aws.s3.BucketPolicy:
    aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    aws.s3.BucketOwnershipControls(
        name, bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=opts
    )
    policy = pulumi.Output.all(bucket.arn, *statements).apply(
        lambda known: json.dumps(bucket_policy(known[0], known[1:]))
    )
    return aws.s3.BucketPolicy(name, bucket=bucket.id, policy=policy, opts=opts)


def _encrypt(
    name: str,
    bucket: aws.s3.Bucket,
    key_arn: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> None:
    rule: aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict = (
        {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
        if key_arn is None
        else {
            "apply_server_side_encryption_by_default": {
                "sse_algorithm": "aws:kms",
                "kms_master_key_id": key_arn,
            },
            "bucket_key_enabled": True,
        }
    )
    aws.s3.BucketServerSideEncryptionConfiguration(name, bucket=bucket.id, rules=[rule], opts=opts)


def _keep(name: str, bucket: aws.s3.Bucket, args: BucketArgs, parent: pulumi.Resource) -> None:
    versioning = aws.s3.BucketVersioning(
        name,
        bucket=bucket.id,
        versioning_configuration={"status": "Enabled"},
        opts=pulumi.ResourceOptions(parent=parent),
    )
    after_versioning = pulumi.ResourceOptions(parent=parent, depends_on=[versioning])
    aws.s3.BucketLifecycleConfiguration(
        name, bucket=bucket.id, rules=_lifecycle(args.expire_days), opts=after_versioning
    )
    if args.lock is not None:
        aws.s3.BucketObjectLockConfiguration(
            name,
            bucket=bucket.id,
            rule={"default_retention": {"mode": args.lock.mode, "days": args.lock.days}},
            opts=after_versioning,
        )


def _lifecycle(
    expire_days: int | None,
) -> list[aws.s3.BucketLifecycleConfigurationRuleArgsDict]:
    rules: list[aws.s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": "unfinished-uploads",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        },
        {
            "id": "deleted",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "noncurrent_version_expiration": {"noncurrent_days": DELETED_DAYS},
            "expiration": {"expired_object_delete_marker": True},
        },
    ]
    if expire_days is not None:
        rules.append(
            {
                "id": "old",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "expiration": {"days": expire_days},
            }
        )
    return rules


def bucket_policy(bucket_arn: str, statements: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    tls_only = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [tls_only, *statements]}
