"""Scaling by queues and by metrics: KEDA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.addon import Addon, AddonArgs, Installation
from components.charts import KEDA as CHART
from components.network_policy import (
    from_api_server,
    from_monitoring,
    out_to,
    pods_of,
    to_api_server,
    to_aws,
    within,
)
from components.pods import spread
from components.surroundings import Surroundings

NAMESPACE: Final = "keda"
SERVICE_ACCOUNT: Final = "keda-operator"
METRICS_PORT: Final = 8080
EXTERNAL_METRICS_PORT: Final = 6443
WEBHOOK_PORT: Final = 9443
PROMETHEUS_PORT: Final = 9090

PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "keda-operator": {"pods": "operator", "place": "operator", "budget": "operator"},
    "keda-operator-metrics-apiserver": {
        "pods": "metricServer",
        "place": "metricsServer",
        "budget": "metricServer",
    },
    "keda-admission-webhooks": {"pods": "webhooks", "place": "webhooks", "budget": "webhooks"},
}
"""Each Deployment and the names that the chart's values have for it."""


@dataclass(frozen=True, kw_only=True)
class KedaArgs:
    surroundings: Surroundings
    cluster_name: str
    account_annotations: pulumi.Input[Mapping[str, str]]
    """Of its operator's service account: what gives it its role."""


class Keda(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: KedaArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Keda", name, None, opts)
        around = args.surroundings

        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="restricted",
                passes={
                    "within": within(),
                    "api-server": to_api_server(around),
                    "webhook": from_api_server(around, WEBHOOK_PORT),
                    "external-metrics": from_api_server(around, EXTERNAL_METRICS_PORT),
                    "metrics": from_monitoring(around, METRICS_PORT),
                    "queries": out_to(
                        pods_of(around.monitoring_namespace), ports=[PROMETHEUS_PORT]
                    ),
                    "aws": to_aws(),
                },
                releases={"keda": Installation(chart=CHART, values=values(args))},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def values(args: KedaArgs) -> dict[str, Any]:
    around = args.surroundings
    pods, places, budgets = (
        [names[key] for names in PARTS.values()] for key in ("pods", "place", "budget")
    )
    measured = {"enabled": True, "serviceMonitor": {"enabled": True}}
    return {
        "clusterName": args.cluster_name,
        "image": {"pullPolicy": "IfNotPresent"},
        "nodeSelector": dict(around.node_labels),
        **{place: {"replicaCount": around.replicas} for place in places},
        "podDisruptionBudget": {
            budget: {"maxUnavailable": 1} if around.replicas > 1 else {} for budget in budgets
        },
        "topologySpreadConstraints": {
            place: spread({"app": app}) for app, place in zip(PARTS, places, strict=True)
        },
        "resources": {
            pod: {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
            for pod in pods
        },
        "serviceAccount": {
            "operator": {"name": SERVICE_ACCOUNT, "annotations": args.account_annotations}
        },
        "logging": {
            "operator": {"format": "json"},
            "metricServer": {"zapEncoder": "json"},
            "webhooks": {"format": "json"},
        },
        "prometheus": {pod: dict(measured) for pod in pods},
        # Secrets of its own namespace alone: roles come with service accounts.
        "permissions": {"operator": {"restrict": {"secret": True}}},
    }
