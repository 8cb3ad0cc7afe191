"""The versions that are served, on the disks of the nodes that serve them: copied there before a
pod wants them, so that a store that is slow or gone delays nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.addon import Addon, AddonArgs
from components.model_cache_pods import KEPT, NAME, ON_THE_NODE, daemon_set
from components.model_store import FOLDER, PUBLISHER, READER
from components.model_volume import CAPACITY, ModelVolume, ModelVolumeArgs
from components.surroundings import Surroundings

NAMESPACE: Final = "model-cache"
CLAIM: Final = "model-cache"
"""In each tenant's namespace: what pods mount."""


@dataclass(frozen=True, kw_only=True)
class ModelCacheArgs:
    surroundings: Surroundings
    script: str
    """A Python program that needs nothing but Python."""
    wanted: str
    """What it reads, as JSON: `tenant/model/version` → the digest of its files."""
    file_system_id: pulumi.Input[str]
    namespaces: Mapping[str, pulumi.Input[str]]
    """Tenant → where its pods are."""


class ModelCache(pulumi.ComponentResource):
    namespace: pulumi.Output[str]
    claims: Mapping[str, pulumi.Output[str]]
    """Tenant → what a pod of its namespace names to mount its part, which it cannot write to."""

    def __init__(
        self, name: str, args: ModelCacheArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ModelCache", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        addon = Addon(
            name,
            AddonArgs(
                surroundings=args.surroundings,
                namespace=NAMESPACE,
                security="privileged",
                passes={},
                releases={},
            ),
            within,
        )
        # Of its own: two volumes through one access point are one to a node.
        point = aws.efs.AccessPoint(
            name,
            file_system_id=args.file_system_id,
            posix_user={"uid": READER, "gid": PUBLISHER},
            root_directory={"path": FOLDER},
            tags={"Name": name},
            opts=within,
        )
        source = ModelVolume(
            f"{name}-source",
            ModelVolumeArgs(
                volume_name=NAMESPACE,
                namespace=addon.namespace,
                file_system_id=args.file_system_id,
                access_point_id=point.id,
            ),
            within,
        )
        # Its name follows from its content, so that another script means other pods.
        script = k8s.core.v1.ConfigMap(
            name,
            metadata={"namespace": addon.namespace},
            data={"prefetch.py": args.script},
            immutable=True,
            opts=within,
        )
        # What is wanted is read again and again: another version means no other pods.
        wanted = k8s.core.v1.ConfigMap(
            f"{name}-wanted",
            metadata={"name": "wanted", "namespace": addon.namespace},
            data={"wanted.json": args.wanted},
            opts=within,
        )
        k8s.apps.v1.DaemonSet(
            name,
            metadata={"name": NAME, "namespace": addon.namespace},
            spec=daemon_set(args.surroundings, _name(script), _name(wanted), source.claim),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[addon]),
        )
        self.namespace = addon.namespace
        self.claims = {
            tenant: self._claim(f"{name}-{tenant}", tenant, namespace)
            for tenant, namespace in args.namespaces.items()
        }
        self.register_outputs({"namespace": self.namespace, "claims": self.claims})

    def _claim(self, name: str, tenant: str, namespace: pulumi.Input[str]) -> pulumi.Output[str]:
        """One volume that is another folder on each node."""
        volume = k8s.core.v1.PersistentVolume(
            name,
            metadata={"name": f"{NAMESPACE}-{tenant}"},
            spec={
                "capacity": {"storage": CAPACITY},
                "access_modes": ["ReadOnlyMany"],
                "persistent_volume_reclaim_policy": "Retain",
                "storage_class_name": "",
                "claim_ref": {"namespace": namespace, "name": CLAIM},
                "host_path": {"path": f"{ON_THE_NODE}/{tenant}", "type": "DirectoryOrCreate"},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        claim = k8s.core.v1.PersistentVolumeClaim(
            name,
            metadata={"name": CLAIM, "namespace": namespace},
            spec={
                "storage_class_name": "",
                "volume_name": f"{NAMESPACE}-{tenant}",
                "access_modes": ["ReadOnlyMany"],
                "resources": {"requests": {"storage": CAPACITY}},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[volume]),
        )
        return _name(claim)


@dataclass(frozen=True, kw_only=True)
class ServedVersionsArgs:
    namespace: pulumi.Input[str]
    """Of the cache."""
    served: str
    """As `wanted` of the cache."""


class ServedVersions(pulumi.ComponentResource):
    """What nodes keep even if it is no longer wanted: made after the routes, so that a version
    stays on the nodes for as long as a route may send to it."""

    name: pulumi.Output[str]

    def __init__(
        self, name: str, args: ServedVersionsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ServedVersions", name, None, opts)
        served = k8s.core.v1.ConfigMap(
            name,
            metadata={"name": KEPT, "namespace": args.namespace},
            data={"kept.json": args.served},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = _name(served)
        self.register_outputs({"name": self.name})


def _name(resource: Any) -> pulumi.Output[str]:
    named: pulumi.Output[str] = resource.metadata.apply(lambda metadata: str(metadata.name))
    return named
