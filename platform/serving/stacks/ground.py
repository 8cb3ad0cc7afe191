"""What the layer of the cluster stands on, and what all of it must know of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.cluster import SERVICE_CIDR, Cluster
from components.irsa import ServiceAccountRole
from components.keys import Purpose
from components.node_role import NodeRole
from components.surroundings import Surroundings
from components.vpc import Vpc
from serving.pools.node import WORKLOAD
from serving.pools.pool import SYSTEM
from serving.stacks.foundation import Place
from serving.stacks.identities import Identities

MONITORING_NAMESPACE: Final = "monitoring"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What the layer stands on."""

    place: Place
    account: aws.Provider
    identity: Identities
    controllers: Mapping[str, ServiceAccountRole]
    """Their roles, by the controllers' names."""
    vpc: Vpc
    cluster: Cluster
    node_role: NodeRole
    key_arns: Mapping[Purpose, pulumi.Output[str]]
    access_log_bucket: pulumi.Input[str]
    topic_arn: pulumi.Input[str]
    """Of people who hear of alarms."""
    kubernetes: k8s.Provider
    ready: Sequence[pulumi.Resource] = field(default_factory=tuple)
    """The nodes, and what EKS itself adds to them; all of it is there until the last is gone."""

    @property
    def around(self) -> Surroundings:
        settings = self.place.settings
        return Surroundings(
            kubernetes_version=settings.cluster.version,
            node_labels={WORKLOAD: SYSTEM},
            vpc_cidr=str(settings.network.cidr),
            service_cidr=SERVICE_CIDR,
            monitoring_namespace=MONITORING_NAMESPACE,
            replicas=2 if settings.environment == "prod" else 1,
            digests=settings.digests,
        )

    def after(self, *others: pulumi.Resource | None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            providers=[self.kubernetes],
            depends_on=[*self.ready, *(each for each in others if each is not None)],
        )
