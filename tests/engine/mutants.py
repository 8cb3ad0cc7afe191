"""The program of this repository with one thing wrong for each rule of the pack.

Most are changes of the stack's own resources, as somebody might make them; what a stack has only
one of, or nothing of, stands beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import pulumi
import pulumi_aws as aws

from serving_policies.iam import GITHUB
from tests.cloud import ACCOUNT
from tests.engine.conftest import main

Props: TypeAlias = Mapping[str, Any]
Change: TypeAlias = Callable[[Props], Props]

PROVIDERS: Final = f"arn:aws:iam::{ACCOUNT}:oidc-provider/"
ISSUER: Final = "oidc.eks.us-east-1.amazonaws.com/id/0123"


def put(path: str, value: Any) -> Change:
    """Another value in one place, or none."""

    def change(props: Props) -> Props:
        key, _, rest = path.partition(".")
        inner = put(rest, value)(props[key]) if rest else value
        changed = {**props, key: inner}
        return {k: v for k, v in changed.items() if v is not None}

    return change


def said(path: str, statement: Props) -> Change:
    return put(path, json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def allowed(action: str, resource: str = "*") -> Change:
    return said("policy", {"Effect": "Allow", "Action": action, "Resource": resource})


def trusted(principal: Props, condition: Props | None = None) -> Change:
    web = "Federated" in principal
    action = "sts:AssumeRoleWithWebIdentity" if web else "sts:AssumeRole"
    statement = {"Effect": "Allow", "Action": action, "Principal": principal}
    bound = {"Condition": condition} if condition else {}
    return said("assumeRolePolicy", {**statement, **bound})


def _open(props: Props) -> Props:
    """To one network, as the stack's own settings can."""
    public = put("vpcConfig.endpointPublicAccess", True)(props)
    return put("vpcConfig.publicAccessCidrs", ["203.0.113.0/24"])(public)


def _blind(props: Props) -> Props:
    return put("enabledClusterLogTypes", ["api"])(put("encryptionConfig", None)(_open(props)))


CONTROL_PLANE: Final = ("aws:eks/cluster:Cluster", "cluster-eksCluster")
PEERS: Final = (
    "kubernetes:security.istio.io/v1:PeerAuthentication",
    "mesh-control-strict-mtls",
)

CHANGES: Final[Mapping[tuple[str, str], Change]] = {
    CONTROL_PLANE: _blind,
    ("aws:ec2/launchTemplate:LaunchTemplate", "system"): put(
        "metadataOptions.httpTokens", "optional"
    ),
    ("aws:ec2/launchTemplate:LaunchTemplate", "cpu-compute"): put(
        "metadataOptions.httpPutResponseHopLimit", 2
    ),
    ("aws:ec2/launchTemplate:LaunchTemplate", "gpu-vllm"): put(
        "blockDeviceMappings", [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100}}]
    ),
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "endpoints"): put(
        "cidrIpv4", "0.0.0.0/0"
    ),
    PEERS: put("spec.mtls.mode", "PERMISSIVE"),
    ("aws:efs/fileSystem:FileSystem", "store"): put("encrypted", None),
    ("aws:efs/fileSystemPolicy:FileSystemPolicy", "store"): said(
        "policy",
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/nodes"},
            "Action": "elasticfilesystem:ClientMount",
            "Resource": "*",
        },
    ),
    ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "logs"): put(
        "restrictPublicBuckets", False
    ),
    ("aws:s3/bucketPolicy:BucketPolicy", "access-logs"): said(
        "policy",
        {
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": "*",
        },
    ),
    ("aws:s3/bucketVersioning:BucketVersioning", "models"): put(
        "versioningConfiguration.status", "Suspended"
    ),
    ("aws:kms/key:Key", "keys-models"): said(
        "policy",
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*"},
    ),
    ("aws:ecr/repository:Repository", "images-vllm"): put("imageTagMutability", "MUTABLE"),
    ("aws:iam/rolePolicy:RolePolicy", "logs-work"): allowed("s3:*", "arn:aws:s3:::logs/*"),
    ("aws:iam/rolePolicy:RolePolicy", "promotion-work"): allowed("iam:PassRole"),
    ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "nodes-join"): put(
        "policyArn", "arn:aws:iam::aws:policy/AdministratorAccess"
    ),
    ("aws:iam/role:Role", "flow-logs"): trusted({"AWS": "*"}),
    ("aws:iam/role:Role", "vpc-cni"): trusted(
        {"Federated": PROVIDERS + ISSUER},
        {
            "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"},
            "StringLike": {f"{ISSUER}:sub": "system:serviceaccount:*:*"},
        },
    ),
    ("aws:iam/role:Role", "promotion"): trusted(
        {"Federated": PROVIDERS + GITHUB},
        {
            "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
            "StringLike": {f"{GITHUB}:sub": "repo:octo-org/*"},
        },
    ),
}

UNPROTECTED: Final = ("aws:kms/key:Key", "keys-logs")

REFUSED: Final = {
    ("eks-control-plane-logs", "cluster-eksCluster"),
    ("eks-secrets-cmk", "cluster-eksCluster"),
    ("eks-public-cidrs-bounded", "wide-open"),
    ("ng-private-subnets", "wide-open"),
    ("vpc-default-sg-closed", "wide-open"),
    ("lt-imdsv2", "system"),
    ("lt-imds-hop-1", "cpu-compute"),
    ("lt-ebs-encrypted", "gpu-vllm"),
    ("sg-no-world-ingress", "endpoints"),
    ("mesh-strict-mtls", "mesh-control-strict-mtls"),
    ("mesh-strict-mtls", "mesh-control-istiod"),  # which finds nothing strict beside it
    ("efs-encrypted", "store"),
    ("efs-tls-only", "store"),
    ("s3-public-block", "logs"),
    ("s3-tls-only", "access-logs"),
    ("s3-versioned", "models"),
    ("kms-no-star-principal", "keys-models"),
    ("ecr-immutable", "images-vllm"),
    ("iam-no-star-action", "logs-work"),
    ("iam-no-escalation", "promotion-work"),
    ("iam-no-managed-admin", "nodes-join"),
    ("iam-trust-bounded", "flow-logs"),
    ("irsa-trust-exact", "vpc-cni"),
    ("gha-sub-pinned", "promotion"),
}
"""Rule and resource, in every environment."""

REFUSED_IN_PRODUCTION: Final = {
    ("eks-endpoint-not-public", "cluster-eksCluster"),
    ("eks-endpoint-not-public", "wide-open"),
    ("stateful-protected", "keys-logs"),
}


def mutated() -> None:
    pulumi.runtime.register_resource_transform(_change)
    main()
    _wide_open()


def _change(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    this = (args.type_, args.name)
    if this == UNPROTECTED:
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=False))
        return pulumi.ResourceTransformResult(args.props, opts)
    if this not in CHANGES:
        return None
    return pulumi.ResourceTransformResult(CHANGES[this](args.props), args.opts)


def _wide_open() -> None:
    """A cluster and nodes as one who is in a hurry makes them."""
    name = "wide-open"
    protected = pulumi.ResourceOptions(protect=True)
    aws.eks.Cluster(
        name,
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/cluster",
        enabled_cluster_log_types=[
            "api", "audit", "authenticator", "controllerManager", "scheduler",
        ],
        encryption_config={"resources": ["secrets"], "provider": {"key_arn": "arn:aws:kms:::x"}},
        vpc_config={"subnet_ids": ["subnet-1", "subnet-2"]},
        opts=protected,
    )  # fmt: skip
    vpc = aws.ec2.Vpc(name, cidr_block="10.99.0.0/16")
    subnet = aws.ec2.Subnet(name, vpc_id=vpc.id, cidr_block="10.99.0.0/20")
    internet = aws.ec2.InternetGateway(name, vpc_id=vpc.id)
    table = aws.ec2.RouteTable(name, vpc_id=vpc.id)
    aws.ec2.Route(
        name,
        route_table_id=table.id,
        destination_cidr_block="0.0.0.0/0",
        gateway_id=internet.id,
    )
    aws.ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=table.id)
    aws.eks.NodeGroup(
        name,
        cluster_name=name,
        node_role_arn=f"arn:aws:iam::{ACCOUNT}:role/nodes",
        subnet_ids=[subnet.id],
        scaling_config={"min_size": 1, "max_size": 1, "desired_size": 1},
    )
