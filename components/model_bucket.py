"""The bucket that published models live in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import pulumi

from components.bucket import Bucket, BucketArgs, Lock

ENDS: Final = ("", "/*")
"""How a folder is asked for, and all that lies in it."""


@dataclass(frozen=True, kw_only=True)
class ModelBucketArgs:
    bucket_name: pulumi.Input[str]
    """Typed by people: `serving model publish … --to s3://…`."""
    key_arn: pulumi.Input[str]
    access_log_bucket: pulumi.Input[str]
    lock: Lock | None = None
    retain: bool = True


class ModelBucket(pulumi.ComponentResource):
    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: ModelBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ModelBucket", name, None, opts)

        bucket = Bucket(
            name,
            BucketArgs(
                bucket_name=args.bucket_name,
                key_arn=args.key_arn,
                access_log_bucket=args.access_log_bucket,
                lock=args.lock,
                retain=args.retain,
            ),
            pulumi.ResourceOptions(parent=self),
        )

        self.bucket = bucket.bucket
        self.arn = bucket.arn
        self.key_arn = pulumi.Output.from_input(args.key_arn)
        self.register_outputs({"bucket": self.bucket, "arn": self.arn, "key_arn": self.key_arn})

    def read_policy(self, *prefixes: str) -> pulumi.Output[str]:
        return pulumi.Output.all(self.arn, self.key_arn).apply(
            lambda arns: json.dumps(read_policy(arns[0], arns[1], *prefixes))
        )


def read_policy(bucket_arn: str, key_arn: str, *prefixes: str) -> dict[str, object]:
    """Read what lies under these prefixes, and nothing else."""
    folders = sorted(prefixes)
    statements = [
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket_arn,
            "Condition": {
                "StringLike": {"s3:prefix": [f"{each}{end}" for each in folders for end in ENDS]}
            },
        },
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": [f"{bucket_arn}/{each}/*" for each in folders],
        },
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key_arn},
    ]
    return {"Version": "2012-10-17", "Statement": statements}
