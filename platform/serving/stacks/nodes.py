"""Of the AWS stack, its nodes: each pool as a group in each zone, and what EKS runs on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from components import cluster_addon_values as values
from components.cluster import Cluster
from components.cluster_addons import ClusterAddon, ClusterAddons, ClusterAddonsArgs
from components.irsa import ServiceAccountRole
from components.keys import Purpose
from components.node_group import NodeGroup, NodeGroupArgs
from components.node_image import Image
from components.node_role import NodeRole, NodeRoleArgs
from components.vpc import Vpc
from components.vpc_endpoints import VpcEndpoints
from serving.identity.logs import container_insights_group
from serving.instance_types import most_pods
from serving.kubernetes_versions import kubernetes_versions
from serving.pools.node import WORKLOAD, accelerators, labels, node, taints
from serving.pools.pool import SYSTEM, GpuPool, Nodes, SystemPool
from serving.settings import AwsSettings
from serving.stacks.foundation import Place
from serving.stacks.gpus import sharing_labels

NETWORK: Final = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
"""Add-ons that a node is not ready without, and that no pod has its role without; nothing of
theirs waits for a node."""


ROLES: Final = {
    "vpc-cni": "vpc-cni",
    "aws-ebs-csi-driver": "ebs-csi",
    "aws-efs-csi-driver": "efs-csi",
    "amazon-cloudwatch-observability": "cloudwatch",
}
"""Add-on → the role that it has."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What nodes are made from."""

    place: Place
    cluster: Cluster
    vpc: Vpc
    endpoints: VpcEndpoints
    role: NodeRole
    key_arns: Mapping[Purpose, pulumi.Output[str]]
    add_on_roles: Mapping[str, ServiceAccountRole]


@dataclass(frozen=True, kw_only=True)
class NodesLayer:
    groups: Mapping[str, NodeGroup]
    add_ons: ClusterAddons

    @property
    def ready(self) -> Sequence[pulumi.Resource]:
        """What everything that runs in the cluster comes after, and goes before."""
        return [*self.groups.values(), self.add_ons]


def node_role(place: Place) -> NodeRole:
    return NodeRole("nodes", NodeRoleArgs(), place.opts)


def build(sources: Sources) -> NodesLayer:
    add_ons = configured(sources)
    first = {name: add_on for name, add_on in add_ons.items() if name in NETWORK}
    rest = {name: add_on for name, add_on in add_ons.items() if name not in NETWORK}
    network = _add_ons("network", sources, first, after=[])
    # A node without a network is not ready, and a group without a ready node fails.
    groups = _groups(sources, after=[sources.vpc, sources.endpoints, network])
    system = _add_ons("system", sources, rest, after=[*groups.values(), *_insights(sources)])
    return NodesLayer(groups=groups, add_ons=system)


def configured(sources: Sources) -> Mapping[str, ClusterAddon]:
    """Each at the version that is pinned with that of Kubernetes."""
    place = sources.place
    wanted = place.settings.cluster
    labels = {WORKLOAD: SYSTEM}
    values_of: dict[str, Mapping[str, Any]] = {
        "vpc-cni": values.vpc_cni(),
        "kube-proxy": {},
        "coredns": values.coredns(labels, replicas=len(place.settings.zones)),
        "aws-ebs-csi-driver": values.ebs_csi(labels),
        "aws-efs-csi-driver": values.efs_csi(labels),
        "metrics-server": values.metrics_server(labels),
        "eks-node-monitoring-agent": values.node_monitoring(),
    }
    if wanted.identity == "pod-identity":
        values_of["eks-pod-identity-agent"] = {}
    if wanted.cloudwatch:
        values_of["amazon-cloudwatch-observability"] = values.cloudwatch()
    # Pod Identity knows the roles itself.
    roles = ROLES if wanted.identity == "irsa" else {}
    pinned = kubernetes_versions()[wanted.version].add_ons
    return {
        name: ClusterAddon(
            version=pinned[name],
            configuration=configuration,
            role_arn=sources.add_on_roles[roles[name]].arn if name in roles else None,
        )
        for name, configuration in values_of.items()
    }


def _add_ons(
    name: str,
    sources: Sources,
    add_ons: Mapping[str, ClusterAddon],
    after: Sequence[pulumi.Resource],
) -> ClusterAddons:
    # With Pod Identity an add-on is told no role, and nothing else would make it come after.
    needed = [*after, *sources.add_on_roles.values()]
    return ClusterAddons(
        name,
        ClusterAddonsArgs(cluster_name=sources.cluster.name, addons=add_ons),
        _after(sources.place, needed),
    )


def _after(place: Place, needed: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(place.opts, pulumi.ResourceOptions(depends_on=needed))


def _insights(sources: Sources) -> Sequence[pulumi.Resource]:
    """The agent would create it without an end to what it keeps."""
    settings = sources.place.settings
    if not settings.cluster.cloudwatch:
        return []
    group = aws.cloudwatch.LogGroup(
        "container-insights",
        name=container_insights_group(sources.place.name),
        retention_in_days=settings.logs.retention_days,
        kms_key_id=sources.key_arns["logs"],
        opts=sources.place.opts,
    )
    return [group]


def pools_of(settings: AwsSettings) -> Mapping[str, Nodes]:
    """Those whose nodes EKS makes; Karpenter, where it is used, makes all it does not run on."""
    if settings.cluster.autoscaler == "cluster-autoscaler":
        return settings.pools
    return {name: pool for name, pool in settings.pools.items() if isinstance(pool, SystemPool)}


def _groups(sources: Sources, after: Sequence[pulumi.Resource]) -> Mapping[str, NodeGroup]:
    place, settings = sources.place, sources.place.settings
    return {
        name: NodeGroup(
            name,
            NodeGroupArgs(
                cluster_name=sources.cluster.name,
                kubernetes_version=settings.cluster.version,
                role_arn=sources.role.arn,
                subnets=_subnets(settings, pool, sources.vpc),
                instance_types=pool.instance_types,
                min_size=pool.nodes_per_zone.min,
                max_size=pool.nodes_per_zone.max,
                capacity_type=pool.capacity_type,
                reservation=pool.reservation,
                image=image(settings.cluster.version, pool),
                root_gib=pool.root_gib,
                volume_key_arn=sources.key_arns["volumes"],
                labels={**labels(name, pool), **sharing_labels(pool)},
                taints=taints(name, pool),
                resources=resources(pool),
                repair=isinstance(pool, GpuPool),
                instance_tags={**place.tags, "Pool": name},
            ),
            _after(place, after),
        )
        for name, pool in pools_of(settings).items()
    }


def image(version: str, pool: Nodes) -> Image:
    kind = node(pool)
    return Image(
        family=pool.ami,
        nvidia=isinstance(pool, GpuPool),
        release=pool.ami_release or kubernetes_versions()[version].al2023,
        max_pods=most_pods(kind.vcpu),
        local_disks=kind.nvme_gb > 0,
    )


def resources(pool: Nodes) -> Mapping[str, str]:
    shares = {name: str(count) for name, count in accelerators(pool).items()}
    return {**shares, "ephemeral-storage": f"{disk_gib(pool)}Gi"}


def disk_gib(pool: Nodes) -> int:
    """Of images and of what pods write: local disks, where there are any, or the root volume."""
    nvme = node(pool).nvme_gb * 10**9 // 2**30
    return nvme if nvme and pool.ami == "al2023" else pool.root_gib


def _subnets(settings: AwsSettings, pool: Nodes, vpc: Vpc) -> Mapping[str, pulumi.Output[str]]:
    wanted = pool.zones or settings.network.zones
    return {zone: subnet for zone, subnet in vpc.private_subnets.items() if zone[-1] in wanted}
