"""Volumes of pods."""

from __future__ import annotations

from typing import Final

from serving.identity.document import ANY, Document, allow, document
from serving.identity.scope import Scope

_CLUSTER: Final = "ebs.csi.aws.com/cluster-name"
"""The driver's tag on all that it makes; as an EKS add-on it sets it by itself (from 1.58)."""

_NODES: Final = ("eks:cluster-name", "eks:eks-cluster-name")
"""EKS tags the instances of its node groups with the one, Karpenter tags its own with the other."""


def ebs_csi(scope: Scope, key_arn: str) -> Document:
    """AWS's AmazonEBSCSIDriverEKSClusterScopedPolicy with the cluster's name in it instead of the
    role's tag, without snapshots and copies of volumes, which nothing here makes, and with the key
    that volumes are encrypted with."""
    volumes, instances = scope.ec2("volume"), scope.ec2("instance")
    described = (
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:DescribeVolumeStatus",
        "ec2:DescribeVolumes",
        "ec2:DescribeVolumesModifications",
    )
    ours = {"StringEquals": {f"aws:ResourceTag/{_CLUSTER}": scope.cluster}}
    attached = ("ec2:AttachVolume", "ec2:DetachVolume")
    return document(
        allow(described, ANY),
        allow(
            ["ec2:CreateVolume"],
            volumes,
            {"StringEquals": {f"aws:RequestTag/{_CLUSTER}": scope.cluster}},
        ),
        allow(
            ["ec2:CreateTags"],
            volumes,
            {
                "StringEquals": {
                    "ec2:CreateAction": "CreateVolume",
                    f"aws:RequestTag/{_CLUSTER}": scope.cluster,
                }
            },
        ),
        allow([*attached, "ec2:DeleteVolume", "ec2:ModifyVolume"], volumes, ours),
        *(
            allow(attached, instances, {"StringEquals": {f"aws:ResourceTag/{tag}": scope.cluster}})
            for tag in _NODES
        ),
        allow(
            ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"],
            key_arn,
            {"StringEquals": {"kms:ViaService": f"ec2.{scope.region}.amazonaws.com"}},
        ),
        allow(["kms:CreateGrant"], key_arn, {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
    )
