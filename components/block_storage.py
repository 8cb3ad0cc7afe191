"""Volumes for pods that ask for one without saying which kind."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s


@dataclass(frozen=True, kw_only=True)
class BlockStorageArgs:
    key_arn: pulumi.Input[str]
    retain: bool = True
    """Whether a volume outlives the claim that it was made for."""


class BlockStorage(pulumi.ComponentResource):
    storage_class: pulumi.Output[str]

    def __init__(
        self, name: str, args: BlockStorageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:BlockStorage", name, None, opts)

        kind = k8s.storage.v1.StorageClass(
            name,
            metadata={
                "name": "gp3",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": args.key_arn},
            # Where the pod is, and not where there happens to be room.
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            reclaim_policy="Retain" if args.retain else "Delete",
            opts=pulumi.ResourceOptions(parent=self),
        )

        self.storage_class = kind.metadata.apply(lambda metadata: str(metadata.name))
        self.register_outputs({"storage_class": self.storage_class})
