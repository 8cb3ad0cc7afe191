"""Where logs, traces and metrics are kept."""

from __future__ import annotations

from serving.identity.bucket import Bucket
from serving.identity.document import ANY, Document, allow, document
from serving.identity.scope import Scope


def kept(bucket: Bucket) -> Document:
    """By Loki or by Tempo, in a bucket of its own; both delete what is too old."""
    return document(
        bucket.listed(),
        bucket.objects(["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], "*"),
        bucket.key("kms:Decrypt", "kms:GenerateDataKey"),
    )


def container_insights(scope: Scope) -> Document:
    """Metrics that the CloudWatch agent writes as log events, into a group that is there."""
    group = scope.arn("logs", f"log-group:{container_insights_group(scope.cluster)}")
    return document(
        allow(["logs:DescribeLogStreams"], group),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{group}:log-stream:*"),
        allow(["ec2:DescribeTags", "ec2:DescribeVolumes"], ANY),
    )


def container_insights_group(cluster: str) -> str:
    return f"/aws/containerinsights/{cluster}/performance"
