"""Where S3 writes down who asked for what in other buckets."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.bucket import Bucket, BucketArgs


@dataclass(frozen=True, kw_only=True)
class AccessLogsArgs:
    bucket_name: pulumi.Input[str]
    account_id: pulumi.Input[str]
    retention_days: int
    retain: bool = True


class AccessLogs(pulumi.ComponentResource):
    bucket: pulumi.Output[str]

    def __init__(
        self, name: str, args: AccessLogsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:AccessLogs", name, None, opts)

        bucket = Bucket(
            name,
            BucketArgs(
                bucket_name=args.bucket_name,
                # S3 delivers neither with a key of ours nor into a bucket that locks by default.
                key_arn=None,
                access_log_bucket=None,
                statements=[
                    pulumi.Output.all(args.bucket_name, args.account_id).apply(
                        lambda known: delivery(known[0], known[1])
                    )
                ],
                expire_days=args.retention_days,
                retain=args.retain,
            ),
            pulumi.ResourceOptions(parent=self),
        )

        self.bucket = bucket.bucket
        self.register_outputs({"bucket": self.bucket})


def delivery(bucket: str, account: str) -> dict[str, object]:
    return {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
