"""An EKS control plane: private, logged, encrypted, open only to the administrators it names."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks

LOG_TYPES: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")

SERVICE_CIDR: Final = "172.20.0.0/16"
"""Of Services; policies have to name the first address, so it is not left to EKS."""

API_PORT: Final = 443

ADMINISTRATOR_POLICY: Final = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    cluster_name: str
    """Typed by people and pipelines: `aws eks update-kubeconfig --name …`."""
    version: str
    vpc_id: pulumi.Input[str]
    subnets: Mapping[str, pulumi.Input[str]]
    """Zone → subnet that the control plane reaches the nodes from; at least two zones."""
    administrators: Mapping[str, pulumi.Input[str]]
    """Arns of IAM roles, by a lasting name. Whoever deploys must be among them."""
    public_access_cidrs: Sequence[str] = ()
    """Who may reach the API server from outside the VPC; nobody unless named."""
    private_access_cidrs: Sequence[str] = ()
    """Who may reach it from inside the VPC, or from what is connected to it, beside the nodes."""
    secrets_key_arn: pulumi.Input[str]
    """Of what Kubernetes' own encryption is encrypted with."""
    log_key_arn: pulumi.Input[str]
    log_retention_days: int
    retain: bool = True

    def __post_init__(self) -> None:
        if len(self.subnets) < 2:
            raise ValueError(f"subnets must be of two zones or more, got {len(self.subnets)}")
        if not self.administrators:
            raise ValueError("administrators must name at least one role")
        for cidr in self.public_access_cidrs:
            if ipaddress.IPv4Network(cidr).prefixlen < 24:
                raise ValueError(f"public_access_cidrs may be no wider than a /24, got {cidr}")


class Cluster(pulumi.ComponentResource):
    name: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    """Asks the AWS command line for a token, so it holds no secret."""
    oidc_provider_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    """Of the control plane and of every managed node."""

    def __init__(
        self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Cluster", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        # EKS would create it without an end to what it keeps.
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/eks/{args.cluster_name}/cluster",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.log_key_arn,
            opts=within,
        )
        as_control_plane = pulumi.ResourceOptions(
            parent=self,
            protect=args.retain,
            depends_on=[logs],
            transforms=[without_creator_admin],
        )
        control_plane = _control_plane(name, args, as_control_plane)
        _let_in(name, control_plane.cluster_security_group_id, args.private_access_cidrs, within)
        self.name = control_plane.eks_cluster.apply(lambda cluster: cluster.name)
        _administrators(name, self.name, args.administrators, within)

        self.kubeconfig = control_plane.kubeconfig_json
        self.oidc_provider_arn = control_plane.oidc_provider_arn
        self.security_group_id = control_plane.cluster_security_group_id
        self.register_outputs(
            {
                "name": self.name,
                "kubeconfig": self.kubeconfig,
                "oidc_provider_arn": self.oidc_provider_arn,
                "security_group_id": self.security_group_id,
            }
        )


def _control_plane(name: str, args: ClusterArgs, opts: pulumi.ResourceOptions) -> eks.Cluster:
    return eks.Cluster(
        name,
        name=args.cluster_name,
        version=args.version,
        upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
        vpc_id=args.vpc_id,
        subnet_ids=list(args.subnets.values()),
        endpoint_private_access=True,
        endpoint_public_access=bool(args.public_access_cidrs),
        public_access_cidrs=list(args.public_access_cidrs) or None,
        authentication_mode=eks.AuthenticationMode.API,
        encryption_config_key_arn=args.secrets_key_arn,
        enabled_cluster_log_types=list(LOG_TYPES),
        create_oidc_provider=True,
        deletion_protection=args.retain,
        kubernetes_service_ip_address_range=SERVICE_CIDR,
        skip_default_node_group=True,
        skip_default_security_groups=True,
        use_default_vpc_cni=True,
        kube_proxy_addon_options=eks.KubeProxyAddonOptionsArgs(enabled=False),
        opts=opts,
    )


def _let_in(
    name: str,
    security_group_id: pulumi.Output[str],
    cidrs: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """EKS lets in members of its own group, which are the nodes.

    https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html
    """
    for cidr in cidrs:
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-{cidr}",
            security_group_id=security_group_id,
            cidr_ipv4=cidr,
            ip_protocol="tcp",
            from_port=API_PORT,
            to_port=API_PORT,
            opts=opts,
        )


def _administrators(
    name: str,
    cluster_name: pulumi.Output[str],
    roles: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> None:
    for key, role_arn in roles.items():
        entry = aws.eks.AccessEntry(
            f"{name}-{key}", cluster_name=cluster_name, principal_arn=role_arn, opts=opts
        )
        aws.eks.AccessPolicyAssociation(
            f"{name}-{key}",
            cluster_name=cluster_name,
            principal_arn=entry.principal_arn,
            policy_arn=ADMINISTRATOR_POLICY,
            access_scope={"type": "cluster"},
            opts=opts,
        )


def without_creator_admin(
    args: pulumi.ResourceTransformArgs,
) -> pulumi.ResourceTransformResult | None:
    """pulumi-eks makes whoever creates the cluster its administrator and has no argument against
    it (4.4.0, `nodejs/eks/cluster/cluster.ts`)."""
    if args.type_ != "aws:eks/cluster:Cluster":
        return None
    props: Mapping[str, Any] = args.props
    access = {**props["accessConfig"], "bootstrapClusterCreatorAdminPermissions": False}
    return pulumi.ResourceTransformResult({**props, "accessConfig": access}, args.opts)
