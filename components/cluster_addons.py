"""Add-ons that EKS itself installs and keeps: network, names, disks, metrics, health of nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class ClusterAddon:
    version: str
    """As EKS names it: `v1.14.2-eksbuild.4`."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """In the add-on's own words, which its version decides; EKS refuses others."""
    role_arn: pulumi.Input[str] | None = None
    """Of its service account, unless EKS knows the role by an association."""


@dataclass(frozen=True, kw_only=True)
class ClusterAddonsArgs:
    cluster_name: pulumi.Input[str]
    addons: Mapping[str, ClusterAddon]
    """By the names that EKS gives them."""


class ClusterAddons(pulumi.ComponentResource):
    versions: Mapping[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: ClusterAddonsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ClusterAddons", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        made = {
            key: aws.eks.Addon(
                f"{name}-{key}",
                cluster_name=args.cluster_name,
                addon_name=key,
                addon_version=addon.version,
                configuration_values=json.dumps(addon.configuration, sort_keys=True)
                if addon.configuration
                else None,
                service_account_role_arn=addon.role_arn,
                # What runs already without being an add-on, and what anybody changes by hand.
                resolve_conflicts_on_create="OVERWRITE",
                resolve_conflicts_on_update="OVERWRITE",
                opts=within,
            )
            for key, addon in args.addons.items()
        }

        self.versions = {key: addon.addon_version for key, addon in made.items()}
        self.register_outputs({"versions": self.versions})
