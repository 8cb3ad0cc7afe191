"""Who changed what in the account and who touched which model, where nobody can rewrite it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.bucket import Bucket, BucketArgs, Lock


@dataclass(frozen=True, kw_only=True)
class AuditTrailArgs:
    trail_name: str
    """Part of the arn that the bucket's policy lets in."""
    bucket_name: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str
    key_arn: pulumi.Input[str]
    access_log_bucket: pulumi.Input[str]
    model_bucket_arn: pulumi.Input[str]
    retention_days: int
    """How long a record cannot be deleted; then it is."""
    retain: bool = True
    """Also whether the lock holds against everybody, the account's owner included."""


class AuditTrail(pulumi.ComponentResource):
    arn: pulumi.Output[str]
    bucket: pulumi.Output[str]

    def __init__(
        self, name: str, args: AuditTrailArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:AuditTrail", name, None, opts)

        def delivered(known: Sequence[str]) -> dict[str, object]:
            bucket, account = known
            return delivery(bucket, account, trail_arn(args.region, account, args.trail_name))

        def acl_read(known: Sequence[str]) -> dict[str, object]:
            bucket, account = known
            return acl_check(bucket, trail_arn(args.region, account, args.trail_name))

        known = pulumi.Output.all(args.bucket_name, args.account_id)
        bucket = Bucket(
            name,
            BucketArgs(
                bucket_name=args.bucket_name,
                key_arn=args.key_arn,
                access_log_bucket=args.access_log_bucket,
                statements=[known.apply(acl_read), known.apply(delivered)],
                lock=Lock(
                    days=args.retention_days, mode="COMPLIANCE" if args.retain else "GOVERNANCE"
                ),
                expire_days=args.retention_days,
                retain=args.retain,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        trail = aws.cloudtrail.Trail(
            name,
            name=args.trail_name,
            s3_bucket_name=bucket.bucket,
            kms_key_id=args.key_arn,
            enable_log_file_validation=True,
            # IAM has no region: its changes are found in a trail of every region alone.
            is_multi_region_trail=True,
            include_global_service_events=True,
            advanced_event_selectors=_events(args.model_bucket_arn),
            opts=pulumi.ResourceOptions(parent=self, protect=args.retain),
        )

        self.arn = trail.arn
        self.bucket = bucket.bucket
        self.register_outputs({"arn": self.arn, "bucket": self.bucket})


def _events(
    model_bucket_arn: pulumi.Input[str],
) -> list[aws.cloudtrail.TrailAdvancedEventSelectorArgsDict]:
    return [
        {
            "name": "changes",
            "field_selectors": [
                {"field": "eventCategory", "equals": ["Management"]},
                {"field": "readOnly", "equals": ["false"]},
            ],
        },
        {
            "name": "models",
            "field_selectors": [
                {"field": "eventCategory", "equals": ["Data"]},
                {"field": "resources.type", "equals": ["AWS::S3::Object"]},
                {
                    "field": "resources.ARN",
                    "starts_withs": [pulumi.Output.concat(model_bucket_arn, "/")],
                },
            ],
        },
    ]


def trail_arn(region: str, account: str, name: str) -> str:
    return f"arn:aws:cloudtrail:{region}:{account}:trail/{name}"


def acl_check(bucket: str, trail: str) -> dict[str, object]:
    """CloudTrail makes sure first that the bucket is whose it should be."""
    return {
        "Sid": "CloudTrailLooks",
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:GetBucketAcl",
        "Resource": f"arn:aws:s3:::{bucket}",
        "Condition": {"StringEquals": {"aws:SourceArn": trail}},
    }


def delivery(bucket: str, account: str, trail: str) -> dict[str, object]:
    return {
        "Sid": "CloudTrailWrites",
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/{account}/*",
        "Condition": {
            "StringEquals": {
                "aws:SourceArn": trail,
                "s3:x-amz-acl": "bucket-owner-full-control",
            }
        },
    }
