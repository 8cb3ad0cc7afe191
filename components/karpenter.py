"""Nodes made to measure for the pods that wait: Karpenter, and the pools it makes them for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from components.addon import Addon, AddonArgs, Installation
from components.charts import KARPENTER, KARPENTER_CRDS
from components.karpenter_pool import KarpenterPool, NodeTemplate, node_class, node_pool
from components.network_policy import from_monitoring, to_api_server, to_aws
from components.pods import RESTRICTED_POD, resources
from components.surroundings import Surroundings

NAMESPACE: Final = "karpenter"
SERVICE_ACCOUNT: Final = "karpenter"
METRICS_PORT: Final = 8080


@dataclass(frozen=True, kw_only=True)
class KarpenterArgs:
    surroundings: Surroundings
    account_annotations: pulumi.Input[Mapping[str, str]]
    """Of its service account: what gives its pods their role."""
    cluster_name: pulumi.Input[str]
    interruption_queue: pulumi.Input[str]
    """Name of the queue that tells of nodes which AWS takes back."""
    nodes: NodeTemplate
    pools: Mapping[str, KarpenterPool]


class Karpenter(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: KarpenterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Karpenter", name, None, opts)
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
                    "karpenter-crd": Installation(chart=KARPENTER_CRDS, values={}),
                    "karpenter": Installation(chart=KARPENTER, values=values(args)),
                },
            ),
            pulumi.ResourceOptions(parent=self),
        )
        # A pool goes before the controller does, which then takes its nodes away.
        controlled = pulumi.ResourceOptions(parent=self, depends_on=[addon])
        for key, pool in args.pools.items():
            nodes = k8s.apiextensions.CustomResource(
                f"{name}-{key}-nodes",
                api_version="karpenter.k8s.aws/v1",
                kind="EC2NodeClass",
                metadata={"name": key},
                spec=node_class(args.nodes, pool),
                opts=controlled,
            )
            k8s.apiextensions.CustomResource(
                f"{name}-{key}",
                api_version="karpenter.sh/v1",
                kind="NodePool",
                metadata={"name": key},
                spec=node_pool(key, pool),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[nodes]),
            )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def values(args: KarpenterArgs) -> dict[str, Any]:
    around = args.surroundings
    return {
        "settings": {
            "clusterName": args.cluster_name,
            "interruptionQueue": args.interruption_queue,
            # Nodes that their own agent reports broken are replaced; of GPUs it says nothing.
            "featureGates": {"nodeRepair": True},
        },
        "serviceAccount": {"name": SERVICE_ACCOUNT, "annotations": args.account_annotations},
        "replicas": around.replicas,
        "nodeSelector": dict(around.node_labels),
        "podSecurityContext": {"fsGroup": 65532, **RESTRICTED_POD},
        "controller": {"resources": resources("250m", "1Gi")},
        "serviceMonitor": {"enabled": True},
    }
