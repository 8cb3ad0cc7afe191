"""Nodes that come and go in the node groups there are: the Cluster Autoscaler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.addon import Addon, AddonArgs, Installation
from components.charts import CLUSTER_AUTOSCALER
from components.network_policy import from_monitoring, to_api_server, to_aws
from components.pods import RESTRICTED_CONTAINER, RESTRICTED_POD, spread
from components.surroundings import Surroundings

NAMESPACE: Final = "cluster-autoscaler"
SERVICE_ACCOUNT: Final = "cluster-autoscaler"
METRICS_PORT: Final = 8085
NOBODY: Final = 65534


@dataclass(frozen=True, kw_only=True)
class ClusterAutoscalerArgs:
    surroundings: Surroundings
    account_annotations: pulumi.Input[Mapping[str, str]]
    """Of its service account: what gives its pods their role."""
    cluster_name: pulumi.Input[str]
    """In the tags by which it finds the groups."""
    region: str


class ClusterAutoscaler(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: ClusterAutoscalerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ClusterAutoscaler", name, None, opts)
        around = args.surroundings

        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="restricted",
                passes={
                    "api-server": to_api_server(around),
                    "metrics": from_monitoring(around, METRICS_PORT),
                    "aws": to_aws(),
                },
                releases={
                    "cluster-autoscaler": Installation(
                        chart=CLUSTER_AUTOSCALER, values=values(args)
                    ),
                },
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def values(args: ClusterAutoscalerArgs) -> dict[str, Any]:
    around = args.surroundings
    return {
        "fullnameOverride": "cluster-autoscaler",
        "awsRegion": args.region,
        "autoDiscovery": {"clusterName": args.cluster_name},
        "rbac": {
            "serviceAccount": {"name": SERVICE_ACCOUNT, "annotations": args.account_annotations}
        },
        "extraArgs": {
            # Of the pools that a pod fits, the one that leaves least idle: GPUs are dear.
            "expander": "least-waste",
            # A zone each, which must not drift apart.
            "balance-similar-node-groups": True,
            "skip-nodes-with-system-pods": False,
            "skip-nodes-with-local-storage": False,
        },
        "replicaCount": around.replicas,
        "nodeSelector": dict(around.node_labels),
        "topologySpreadConstraints": spread({"app.kubernetes.io/instance": "cluster-autoscaler"}),
        "resources": {"requests": {"cpu": "50m", "memory": "300Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": {**RESTRICTED_POD, "runAsUser": NOBODY},
        "containerSecurityContext": dict(RESTRICTED_CONTAINER),
        "serviceMonitor": {"enabled": True, "namespace": NAMESPACE, "interval": "15s"},
    }
