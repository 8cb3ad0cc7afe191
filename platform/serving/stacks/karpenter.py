"""Of the cluster's layer, Karpenter: the pools of the settings, as it makes nodes for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import pulumi

from components import karpenter
from components.interruption_queue import InterruptionQueue, InterruptionQueueArgs
from components.irsa import ServiceAccountRole
from components.karpenter import Karpenter, KarpenterArgs
from components.karpenter_pool import KarpenterPool, NodeTemplate
from components.node_image import root_device
from serving.errors import InputError
from serving.identity import scaling
from serving.identity.document import written
from serving.pools.node import labels, node, taints
from serving.pools.pool import CapacityType, GpuPool, Nodes, SystemPool
from serving.settings import AwsSettings
from serving.stacks.gpus import sharing_labels
from serving.stacks.ground import Ground
from serving.stacks.nodes import image

Capacity: TypeAlias = Literal["on-demand", "reserved", "spot"]

CAPACITY: Final[Mapping[CapacityType, Sequence[Capacity]]] = {
    "on-demand": ["on-demand"],
    "spot": ["spot"],
    "reservation": ["reserved"],
    "block": ["reserved"],
}


def node_scaling(ground: Ground, after: Sequence[pulumi.Resource]) -> ServiceAccountRole:
    place = ground.place
    queue = InterruptionQueue(
        "interruptions", InterruptionQueueArgs(queue_name=place.name), place.opts
    )
    known = pulumi.Output.all(
        ground.identity.scope, queue.arn, ground.node_role.arn, ground.key_arns["volumes"]
    )
    document = known.apply(lambda of: written(scaling.karpenter(of[0], of[1], of[2], of[3])))
    role = ground.identity.role(
        "karpenter", karpenter.NAMESPACE, karpenter.SERVICE_ACCOUNT, document
    )
    Karpenter(
        "node-scaling",
        KarpenterArgs(
            surroundings=ground.around,
            account_annotations=role.annotations,
            cluster_name=ground.cluster.name,
            interruption_queue=queue.name,
            nodes=NodeTemplate(
                role=ground.node_role.name,
                subnets=ground.vpc.private_subnets,
                security_group=ground.cluster.security_group_id,
                volume_key_arn=ground.key_arns["volumes"],
                tags=place.tags,
            ),
            pools=pools(place.settings),
        ),
        ground.after(*after),
    )
    return role


def pools(settings: AwsSettings) -> Mapping[str, KarpenterPool]:
    """All but those that Karpenter itself runs on."""
    return {
        name: _pool(settings, name, pool)
        for name, pool in settings.pools.items()
        if not isinstance(pool, SystemPool)
    }


def _pool(settings: AwsSettings, name: str, pool: Nodes) -> KarpenterPool:
    if isinstance(pool, GpuPool) and pool.mig_profile is not None:
        raise InputError(
            f"serving:pools.{name}.sharing: Karpenter makes no node for a part of a GPU, "
            "use cluster.autoscaler: cluster-autoscaler for MIG"
        )
    boot = image(settings.cluster.version, pool)
    zones = pool.zones or settings.network.zones
    return KarpenterPool(
        instance_types=pool.instance_types,
        capacity=CAPACITY[pool.capacity_type],
        ami=alias(boot.family, boot.release),
        root_device=root_device(boot),
        root_gib=pool.root_gib,
        max_pods=boot.max_pods,
        local_disks=boot.local_disks and boot.family == "al2023",
        zones=[f"{settings.region}{zone}" for zone in zones],
        labels={**labels(name, pool), **sharing_labels(pool)},
        taints=[
            {"key": key, "value": value, "effect": "NoSchedule"}
            for key, value in taints(name, pool).items()
        ],
        limits=limits(pool, len(zones)),
        reservations=[pool.reservation] if pool.reservation else [],
    )


def alias(family: str, release: str) -> str:
    """EKS names AL2023's images by the version of Kubernetes and a day, Karpenter by the day."""
    version = release.rpartition("-")[2] if family == "al2023" else release.partition("-")[0]
    return f"{family}@v{version.removeprefix('v')}"


def limits(pool: Nodes, zones: int) -> Mapping[str, str]:
    """As many nodes as groups would have, all zones together."""
    most, kind = pool.nodes_per_zone.max * zones, node(pool)
    gpus = {"nvidia.com/gpu": f"{most * kind.gpus}"} if kind.gpus else {}
    return {"cpu": f"{most * kind.vcpu}", **gpus}
