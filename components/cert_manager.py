"""Certificates for webhooks and gateways, issued in the cluster and renewed by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.addon import Addon, AddonArgs, Installation
from components.charts import CERT_MANAGER
from components.network_policy import from_api_server, from_monitoring, to_api_server
from components.pods import resources, spread
from components.surroundings import Surroundings

NAMESPACE: Final = "cert-manager"
METRICS_PORT: Final = 9402
WEBHOOK_PORT: Final = 10250


@dataclass(frozen=True, kw_only=True)
class CertManagerArgs:
    surroundings: Surroundings


class CertManager(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: CertManagerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:CertManager", name, None, opts)
        around = args.surroundings

        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="restricted",
                passes={
                    "api-server": to_api_server(around),
                    "webhook": from_api_server(around, WEBHOOK_PORT),
                    "metrics": from_monitoring(around, METRICS_PORT),
                },
                releases={
                    "cert-manager": Installation(chart=CERT_MANAGER, values=values(around)),
                },
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def values(around: Surroundings) -> dict[str, Any]:
    return {
        "crds": {"enabled": True},
        # kube-system, unless told otherwise, which its policies would not let it write to.
        "global": {"leaderElection": {"namespace": NAMESPACE}},
        **_workload(around, "controller", "128Mi"),
        "webhook": _workload(around, "webhook", "64Mi"),
        "cainjector": _workload(around, "cainjector", "256Mi"),
        "startupapicheck": {
            "nodeSelector": dict(around.node_labels),
            "resources": resources("10m", "64Mi"),
        },
        "prometheus": {"servicemonitor": {"enabled": True}},
    }


def _workload(around: Surroundings, component: str, memory: str) -> dict[str, Any]:
    labels = {
        "app.kubernetes.io/instance": "cert-manager",
        "app.kubernetes.io/component": component,
    }
    return {
        "replicaCount": around.replicas,
        "podDisruptionBudget": {"enabled": around.replicas > 1},
        "nodeSelector": dict(around.node_labels),
        "topologySpreadConstraints": spread(labels),
        "resources": resources("10m", memory),
    }
