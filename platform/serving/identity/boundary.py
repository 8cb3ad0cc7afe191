"""What no role of a stack can do, whatever its policies say: make itself more powerful."""

from __future__ import annotations

from typing import Final

from serving.identity.document import ANY, Document, allow, document
from serving.identity.scope import PARTITION

_LIMITS: Final = {
    "acm": ("DescribeCertificate", "GetCertificate", "List*"),
    "arc-zonal-shift": ("GetManagedResource",),
    "autoscaling": (
        "Describe*",
        "SetDesiredCapacity",
        "TerminateInstanceInAutoScalingGroup",
        "UpdateAutoScalingGroup",
    ),
    "ec2": (
        "AllocateAddress",
        "Assign*",
        "Attach*",
        "Authorize*",
        "Create*",
        "Delete*",
        "Describe*",
        "Detach*",
        "Get*",
        "Modify*",
        "ReleaseAddress",
        "Revoke*",
        "RunInstances",
        "TerminateInstances",
        "Unassign*",
    ),
    "ecr": ("BatchGetImage", "BatchImportUpstreamImage", "CreateRepository", "Get*"),
    "eks": ("Describe*",),
    "eks-auth": ("AssumeRoleForPodIdentity",),
    "elasticfilesystem": ("ClientMount", "ClientWrite", "Describe*"),
    "elasticloadbalancing": (
        "Add*",
        "Apply*",
        "Attach*",
        "Configure*",
        "Create*",
        "Delete*",
        "Deregister*",
        "Describe*",
        "Detach*",
        "Modify*",
        "Register*",
        "Remove*",
        "Set*",
    ),
    "iam": (
        "AddRoleToInstanceProfile",
        "CreateInstanceProfile",
        "DeleteInstanceProfile",
        "GetInstanceProfile",
        "GetRole",
        "ListInstanceProfiles",
        "RemoveRoleFromInstanceProfile",
        "TagInstanceProfile",
    ),
    "kms": ("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey*", "ReEncrypt*"),
    "logs": ("CreateLogGroup", "CreateLogStream", "Describe*", "PutLogEvents"),
    "pricing": ("GetProducts",),
    "s3": ("DeleteObject", "GetObject", "ListBucket", "PutObject", "PutObjectRetention"),
    "sns": ("Publish",),
    "secretsmanager": ("DescribeSecret", "Get*", "ListSecretVersionIds"),
    "sqs": ("DeleteMessage", "GetQueueUrl", "ReceiveMessage"),
    "ssm": ("GetParameter",),
}
"""By service. Of IAM what machines wear roles in and no more than a look at those, and STS is not
among them."""


def boundary(cluster: str) -> Document:
    """No more than all that the roles of a stack are given for their work, taken together. A
    machine gets no role but the stack's own, which are all bounded."""
    actions = [f"{service}:{each}" for service, some in _LIMITS.items() for each in some]
    linked = {"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}}
    passed = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    return document(
        allow(actions, ANY),
        allow(["iam:CreateServiceLinkedRole"], ANY, linked),
        allow(["iam:PassRole"], f"arn:{PARTITION}:iam::*:role/{cluster}-*", passed),
    )
