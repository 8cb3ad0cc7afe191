"""What Karpenter may make nodes of: the machines of a pool, and what their pods go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi


@dataclass(frozen=True, kw_only=True)
class NodeTemplate:
    """What the nodes of all pools have in common."""

    role: pulumi.Input[str]
    """Name of the nodes' IAM role."""
    subnets: Mapping[str, pulumi.Input[str]]
    """Zone → subnet."""
    security_group: pulumi.Input[str]
    volume_key_arn: pulumi.Input[str]
    """Of what the root volume is encrypted with."""
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class KarpenterPool:
    instance_types: Sequence[str]
    capacity: Sequence[Literal["on-demand", "reserved", "spot"]]
    ami: str
    """`al2023@<version>` or `bottlerocket@<version>`; for GPUs, their variant with a driver."""
    root_device: str
    """That images of containers are unpacked on."""
    root_gib: int
    max_pods: int
    local_disks: bool = False
    """Whether the nodes have disks of their own, faster than the root volume."""
    zones: Sequence[str]
    labels: Mapping[str, str]
    taints: Sequence[Mapping[str, str]]
    limits: Mapping[str, str]
    """Of all nodes of the pool together, by resource: `nvidia.com/gpu`, `cpu`."""
    reservations: Sequence[str] = field(default_factory=tuple)
    """Ids of capacity reservations."""

    def __post_init__(self) -> None:
        if "latest" in self.ami or "@" not in self.ami:
            raise ValueError(f"ami must name a version, got {self.ami}")
        if not self.limits:
            raise ValueError("limits must name a resource: a pool without grows without end")


def node_class(nodes: NodeTemplate, pool: KarpenterPool) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "amiSelectorTerms": [{"alias": pool.ami}],
        "role": nodes.role,
        "subnetSelectorTerms": [{"id": subnet} for subnet in nodes.subnets.values()],
        "securityGroupSelectorTerms": [{"id": nodes.security_group}],
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "blockDeviceMappings": [
            {
                "deviceName": pool.root_device,
                "ebs": {
                    "volumeSize": f"{pool.root_gib}Gi",
                    "volumeType": "gp3",
                    "encrypted": True,
                    "kmsKeyID": nodes.volume_key_arn,
                    "deleteOnTermination": True,
                },
            }
        ],
        "kubelet": {"maxPods": pool.max_pods},
        "tags": dict(nodes.tags),
    }
    if pool.local_disks:
        spec["instanceStorePolicy"] = "RAID0"
    if pool.reservations:
        spec["capacityReservationSelectorTerms"] = [{"id": each} for each in pool.reservations]
    return spec


def node_pool(name: str, pool: KarpenterPool) -> dict[str, Any]:
    return {
        "template": {
            "metadata": {"labels": dict(pool.labels)},
            "spec": {
                "nodeClassRef": {
                    "group": "karpenter.k8s.aws",
                    "kind": "EC2NodeClass",
                    "name": name,
                },
                "requirements": [
                    _one_of("node.kubernetes.io/instance-type", pool.instance_types),
                    _one_of("karpenter.sh/capacity-type", pool.capacity),
                    _one_of("topology.kubernetes.io/zone", pool.zones),
                ],
                "taints": [dict(taint) for taint in pool.taints],
            },
        },
        "limits": dict(pool.limits),
        # A model takes minutes to load: nodes are not swapped for slightly cheaper ones.
        "disruption": {
            "consolidationPolicy": "WhenEmpty",
            "consolidateAfter": "10m",
            "budgets": [{"nodes": "1"}],
        },
    }


def _one_of(key: str, values: Sequence[str]) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}
