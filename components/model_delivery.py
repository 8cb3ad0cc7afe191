"""Published versions, carried from the bucket into the store that nodes copy them from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from components.addon import Addon, AddonArgs
from components.images import AWS_CLI
from components.model_store import PUBLISHER
from components.model_volume import CAPACITY, DRIVER
from components.network_policy import to_aws
from components.pods import RESTRICTED_CONTAINER, RESTRICTED_POD, resources
from components.service_account import ServiceAccount, ServiceAccountArgs
from components.surroundings import Surroundings

NAMESPACE: Final = "model-delivery"
SERVICE_ACCOUNT: Final = "model-delivery"
TRIES: Final = 1_000_000
"""Minutes apart after the first few: what is missing today may be published tomorrow."""

SCRIPT: Final = """
set -eu
umask 027
to="/store/$TO"
[ ! -f "$to/manifest.json" ] || exit 0
aside="$(dirname "$to")/.delivery-$(basename "$to")"
rm -rf "$aside" "$to"
mkdir -p "$aside"
aws s3 cp --recursive --only-show-errors "s3://$FROM/" "$aside/"
[ -f "$aside/manifest.json" ] || { echo "$FROM: nothing was published there" >&2; exit 1; }
mv "$aside" "$to"
"""
"""The folder has its name only when all of it is there. Of a folder that is not there AWS copies
nothing, and calls that a success."""


@dataclass(frozen=True, kw_only=True)
class ModelDeliveryArgs:
    surroundings: Surroundings
    account_annotations: pulumi.Input[Mapping[str, str]]
    """Of the service account: what gives it the role that reads the bucket."""
    region: str
    bucket: pulumi.Input[str]
    file_system_id: pulumi.Input[str]
    access_point_id: pulumi.Input[str]
    """The publisher's: no other can be written through."""
    versions: Mapping[str, str]
    """Folder in the store → folder in the bucket. A version that is taken out stays there."""


class ModelDelivery(pulumi.ComponentResource):
    versions: pulumi.Output[list[str]]
    """Folders in the store, sooner or later: nothing waits for them here, or one that is missing
    would hold up all others. Whoever reads one waits for it."""

    def __init__(
        self, name: str, args: ModelDeliveryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ModelDelivery", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        addon = Addon(
            name,
            AddonArgs(
                surroundings=args.surroundings,
                namespace=NAMESPACE,
                security="restricted",
                passes={"aws": to_aws()},
                releases={},
            ),
            within,
        )
        account = ServiceAccount(
            name,
            ServiceAccountArgs(
                namespace=addon.namespace,
                account=SERVICE_ACCOUNT,
                annotations=args.account_annotations,
            ),
            within,
        )
        volume = k8s.core.v1.PersistentVolume(
            name, metadata={"name": NAMESPACE}, spec=_volume(args), opts=within
        )
        claim = k8s.core.v1.PersistentVolumeClaim(
            name,
            metadata={"name": "store", "namespace": addon.namespace},
            spec={
                "storage_class_name": "",
                "volume_name": NAMESPACE,
                "access_modes": ["ReadWriteMany"],
                "resources": {"requests": {"storage": CAPACITY}},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[volume]),
        )
        jobs = [
            k8s.batch.v1.Job(
                f"{name}-{to.replace('/', '-')}",
                metadata={
                    "name": to.replace("/", "-"),
                    "namespace": addon.namespace,
                    "annotations": {"pulumi.com/skipAwait": "true"},
                },
                spec=job(args, to, pulumi.Output.concat(args.bucket, "/", source)),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[addon, account, claim]),
            )
            for to, source in args.versions.items()
        ]
        self.versions = pulumi.Output.all(*(each.id for each in jobs)).apply(
            lambda _: list(args.versions)
        )
        self.register_outputs({"versions": self.versions})


def _volume(args: ModelDeliveryArgs) -> k8s.core.v1.PersistentVolumeSpecArgsDict:
    return {
        "capacity": {"storage": CAPACITY},
        "access_modes": ["ReadWriteMany"],
        "persistent_volume_reclaim_policy": "Retain",
        "storage_class_name": "",
        "claim_ref": {"namespace": NAMESPACE, "name": "store"},
        "mount_options": ["iam"],
        "csi": {
            "driver": DRIVER,
            "volume_handle": pulumi.Output.concat(args.file_system_id, "::", args.access_point_id),
            "volume_attributes": {"encryptInTransit": "true"},
        },
    }


def job(args: ModelDeliveryArgs, to: str, source: pulumi.Input[str]) -> Any:
    around = args.surroundings
    env: Mapping[str, pulumi.Input[str]] = {
        "FROM": source, "TO": to, "HOME": "/scratch", "AWS_REGION": args.region,
    }  # fmt: skip
    return {
        "backoff_limit": TRIES,
        "template": {
            "spec": {
                "restart_policy": "OnFailure",
                "service_account_name": SERVICE_ACCOUNT,
                "automount_service_account_token": False,
                "node_selector": dict(around.node_labels),
                "security_context": {
                    "run_as_non_root": True,
                    "run_as_user": PUBLISHER,
                    "seccomp_profile": RESTRICTED_POD["seccompProfile"],
                },
                "containers": [
                    {
                        "name": "delivery",
                        "image": AWS_CLI.reference(around.digests),
                        "command": ["sh", "-c", SCRIPT],
                        "env": [{"name": key, "value": value} for key, value in env.items()],
                        "resources": resources("100m", "512Mi"),
                        "security_context": {
                            "allow_privilege_escalation": False,
                            "capabilities": RESTRICTED_CONTAINER["capabilities"],
                            "read_only_root_filesystem": True,
                        },
                        "volume_mounts": [
                            {"name": "store", "mount_path": "/store"},
                            {"name": "scratch", "mount_path": "/scratch"},
                        ],
                    }
                ],
                "volumes": [
                    {"name": "store", "persistent_volume_claim": {"claim_name": "store"}},
                    {"name": "scratch", "empty_dir": {"size_limit": "64Mi"}},
                ],
            },
        },
    }
