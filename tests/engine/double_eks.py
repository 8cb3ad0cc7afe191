"""A stand-in for pulumi-eks: its Cluster, with the children that our own code has to do with."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from threading import Thread
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import main

from tests import cloud
from tests.engine.double import end_with


class Cluster(pulumi.ComponentResource):
    def __init__(
        self, name: str, inputs: pulumi.Inputs, opts: pulumi.ResourceOptions | None
    ) -> None:
        super().__init__("eks:index:Cluster", name, None, opts)
        # As nodejs/eks/cluster/cluster.ts of pulumi-eks 4.4.0 makes it (Apache-2.0).
        control_plane = aws.eks.Cluster(
            f"{name}-eksCluster",
            name=inputs["name"],
            role_arn=f"arn:aws:iam::{cloud.ACCOUNT}:role/{name}",
            version=inputs["version"],
            upgrade_policy=inputs.get("upgradePolicy"),
            vpc_config={
                "subnet_ids": inputs["subnetIds"],
                "endpoint_private_access": inputs.get("endpointPrivateAccess"),
                "endpoint_public_access": inputs.get("endpointPublicAccess"),
                "public_access_cidrs": inputs.get("publicAccessCidrs"),
            },
            enabled_cluster_log_types=inputs.get("enabledClusterLogTypes"),
            encryption_config=encryption(inputs),
            deletion_protection=inputs.get("deletionProtection"),
            access_config={
                "authentication_mode": inputs["authenticationMode"],
                "bootstrap_cluster_creator_admin_permissions": True,
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=[
                    "accessConfig.bootstrapClusterCreatorAdminPermissions",
                    "bootstrapSelfManagedAddons",
                ],
            ),
        )
        self.state: dict[str, Any] = {**cloud.CLUSTER_OUTPUTS, "eksCluster": control_plane}
        self.register_outputs(self.state)


def encryption(inputs: pulumi.Inputs) -> aws.eks.ClusterEncryptionConfigArgsDict | None:
    if "encryptionConfigKeyArn" not in inputs:
        return None
    return {"provider": {"key_arn": inputs["encryptionConfigKeyArn"]}, "resources": ["secrets"]}


class Double(Provider):
    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: pulumi.Inputs,
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        cluster = Cluster(name, inputs, options)
        return ConstructResult(urn=cluster.urn, state=cluster.state)


if __name__ == "__main__":
    Thread(target=end_with, args=[os.getppid()], daemon=True).start()
    main(Double(version("pulumi-eks")), sys.argv[1:])
