"""Nodes that come and go."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final

from serving.identity.document import ANY, Document, allow, document
from serving.identity.scope import PARTITION, Scope

_ENCRYPTION: Final = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


def cluster_autoscaler(scope: Scope) -> Document:
    """As its README asks for, and to change only the groups that EKS made for this cluster's
    pools: it tags them."""
    described = (
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:DescribeTags",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplateVersions",
    )
    changed = ("autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup")
    return document(
        allow(described, ANY),
        allow(["eks:DescribeNodegroup"], scope.arn("eks", f"nodegroup/{scope.cluster}/*/*")),
        allow(
            changed,
            scope.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"),
            {
                "StringEquals": {
                    f"aws:ResourceTag/k8s.io/cluster-autoscaler/{scope.cluster}": "owned"
                }
            },
        ),
    )


def karpenter(scope: Scope, queue_arn: str, node_role_arn: str, key_arn: str) -> Document:
    """Its own policies (v1.14.1), within the account; and the key that the disks of its nodes are
    encrypted with, which EC2 uses on behalf of whoever launches them, as AWS has it in
    ROSAKarpenterControllerPolicy (karpenter-provider-aws#4935)."""
    known = {
        "AWS::AccountId": scope.account,
        "AWS::Partition": PARTITION,
        "AWS::Region": scope.region,
        "ClusterName": scope.cluster,
        "KarpenterInterruptionQueue.Arn": queue_arn,
        "KarpenterNodeRole.Arn": node_role_arn,
    }
    text = (files("serving") / "data" / "karpenter_policies.json").read_text(encoding="utf-8")
    for name, value in known.items():
        text = text.replace(f"${{{name}}}", value)
    text = text.replace(f":ec2:{scope.region}:*:", f":ec2:{scope.region}:{scope.account}:")
    policies = json.loads(text)["policies"]
    by_ec2 = {"StringEquals": {"kms:ViaService": f"ec2.{scope.region}.amazonaws.com"}}
    return document(
        *(statement for name in sorted(policies) for statement in policies[name]),
        allow(_ENCRYPTION, key_arn, by_ec2),
        allow(
            ["kms:CreateGrant"], key_arn, {**by_ec2, "Bool": {"kms:GrantIsForAWSResource": "true"}}
        ),
    )
