"""A tenant's models as a volume that its pods can mount and nobody can write to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as k8s

DRIVER: Final = "efs.csi.aws.com"
CLAIM: Final = "models"


@dataclass(frozen=True, kw_only=True)
class ModelVolumeArgs:
    volume_name: str
    """All namespaces share the names of volumes."""
    namespace: pulumi.Input[str]
    file_system_id: pulumi.Input[str]
    access_point_id: pulumi.Input[str]
    """No other volume may have it: the kubelet takes two with one handle for the same."""


class ModelVolume(pulumi.ComponentResource):
    claim: pulumi.Output[str]
    """What a pod of the namespace names to mount it."""

    def __init__(
        self, name: str, args: ModelVolumeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ModelVolume", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        volume = k8s.core.v1.PersistentVolume(
            name,
            metadata={"name": args.volume_name},
            spec=volume_spec(args),
            opts=within,
        )
        claim = k8s.core.v1.PersistentVolumeClaim(
            name,
            metadata={"name": CLAIM, "namespace": args.namespace},
            spec={
                "storage_class_name": "",
                "volume_name": args.volume_name,
                "access_modes": ["ReadOnlyMany"],
                "resources": {"requests": {"storage": CAPACITY}},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[volume]),
        )

        self.claim = claim.metadata.apply(lambda metadata: str(metadata.name))
        self.register_outputs({"claim": self.claim})


CAPACITY: Final = "1Gi"
"""Kubernetes asks for one; EFS has none."""


def volume_spec(args: ModelVolumeArgs) -> k8s.core.v1.PersistentVolumeSpecArgsDict:
    return {
        "capacity": {"storage": CAPACITY},
        "access_modes": ["ReadOnlyMany"],
        "persistent_volume_reclaim_policy": "Retain",
        "storage_class_name": "",
        "claim_ref": {"namespace": args.namespace, "name": CLAIM},
        "mount_options": ["iam"],
        "csi": {
            "driver": DRIVER,
            "volume_handle": pulumi.Output.concat(args.file_system_id, "::", args.access_point_id),
            "read_only": True,
            "volume_attributes": {"encryptInTransit": "true"},
        },
    }
