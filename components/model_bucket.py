"""The bucket that published models live in: versioned, encrypted, closed to the public."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class ModelBucketArgs:
    bucket_name: pulumi.Input[str]
    """Typed by people: `serving model publish … --to s3://…`."""
    lock_days: int | None = None
    """How long nobody may delete or overwrite a published file (Object Lock, governance mode)."""
    retain: bool = True

    def __post_init__(self) -> None:
        if self.lock_days is not None and self.lock_days < 1:
            raise ValueError(f"lock_days must be at least 1, got {self.lock_days}")


class ModelBucket(pulumi.ComponentResource):
    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: ModelBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ModelBucket", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, protect=args.retain)

        key = aws.kms.Key(name, description="Models", enable_key_rotation=True, opts=kept)
        bucket = aws.s3.Bucket(
            name,
            bucket=args.bucket_name,
            object_lock_enabled=args.lock_days is not None,
            force_destroy=not args.retain,
            opts=kept,
        )
        _close(name, bucket, within)
        _encrypt(name, bucket, key, within)
        _keep(name, bucket, args.lock_days, self)

        self.bucket = bucket.id
        self.arn = bucket.arn
        self.key_arn = key.arn
        self.register_outputs({"bucket": self.bucket, "arn": self.arn, "key_arn": self.key_arn})

    def read_policy(self, prefix: str) -> pulumi.Output[str]:
        return pulumi.Output.all(self.arn, self.key_arn).apply(
            lambda arns: json.dumps(read_policy(arns[0], arns[1], prefix))
        )


def _close(name: str, bucket: aws.s3.Bucket, opts: pulumi.ResourceOptions) -> None:
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
    aws.s3.BucketPolicy(
        name,
        bucket=bucket.id,
        policy=bucket.arn.apply(lambda arn: json.dumps(tls_only(arn))),
        opts=opts,
    )


def _encrypt(
    name: str, bucket: aws.s3.Bucket, key: aws.kms.Key, opts: pulumi.ResourceOptions
) -> None:
    aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=bucket.id,
        rules=[
            {
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms",
                    "kms_master_key_id": key.arn,
                },
                "bucket_key_enabled": True,
            }
        ],
        opts=opts,
    )


def _keep(name: str, bucket: aws.s3.Bucket, lock_days: int | None, parent: pulumi.Resource) -> None:
    """Every version of every object, and locked ones against deletion; not half an upload."""
    versioning = aws.s3.BucketVersioning(
        name,
        bucket=bucket.id,
        versioning_configuration={"status": "Enabled"},
        opts=pulumi.ResourceOptions(parent=parent),
    )
    aws.s3.BucketLifecycleConfiguration(
        name,
        bucket=bucket.id,
        rules=[
            {
                "id": "unfinished-uploads",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            }
        ],
        opts=pulumi.ResourceOptions(parent=parent),
    )
    if lock_days is not None:
        aws.s3.BucketObjectLockConfiguration(
            name,
            bucket=bucket.id,
            rule={"default_retention": {"mode": "GOVERNANCE", "days": lock_days}},
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[versioning]),
        )


def tls_only(bucket_arn: str) -> dict[str, object]:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def read_policy(bucket_arn: str, key_arn: str, prefix: str) -> dict[str, object]:
    """Read what lies under one prefix, and nothing else."""
    statements = [
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket_arn,
            "Condition": {"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}},
        },
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket_arn}/{prefix}/*"},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key_arn},
    ]
    return {"Version": "2012-10-17", "Statement": statements}
