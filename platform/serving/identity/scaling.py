"""Nodes that come and go."""

from __future__ import annotations

import json
from importlib.resources import files

from serving.identity.document import ANY, Document, allow, document
from serving.identity.scope import PARTITION, Scope


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


def karpenter(scope: Scope, queue_arn: str, node_role_arn: str) -> Document:
    """Its own policies (v1.14.1), within the account."""
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
    return document(*(statement for name in sorted(policies) for statement in policies[name]))
