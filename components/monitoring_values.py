"""The values of the chart kube-prometheus-stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.alertmanager_values import Notifications, alertmanager
from components.grafana_values import Source, grafana
from components.pods import resources, spread, volume
from components.surroundings import Surroundings

NODE_NAMESPACE: Final = "node-exporter"

SCRAPE_INTERVAL: Final = "15s"

UNREACHABLE: Final = ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")
"""EKS shows nobody its control plane's metrics, and kube-proxy its own to the node alone."""

UNREACHABLE_RULES: Final = (
    "etcd",
    "kubeControllerManager",
    "kubeProxy",
    "kubeSchedulerAlerting",
    "kubeSchedulerRecording",
    "windows",
)

NODE_LABELS: Final = (
    "eks.amazonaws.com/capacityType",
    "node.kubernetes.io/instance-type",
    "nvidia.com/gpu.product",
    "nvidia.com/mig.config.state",
    "topology.kubernetes.io/zone",
    "workload",
)


@dataclass(frozen=True, kw_only=True)
class Storage:
    """What is kept of metrics, by each replica."""

    gib: int
    retention_days: int


def values(
    around: Surroundings,
    *,
    cluster_name: str,
    storage: Storage,
    sources: Mapping[str, Source],
    notifications: Notifications,
    has_password: bool,
) -> dict[str, Any]:
    nodes = dict(around.node_labels)
    return {
        "crds": {"enabled": True},
        **{component: {"enabled": False} for component in UNREACHABLE},
        "defaultRules": {"rules": {rule: False for rule in UNREACHABLE_RULES}},
        "prometheus": {
            "prometheusSpec": prometheus(around, cluster_name, storage),
            "podDisruptionBudget": {"enabled": around.replicas > 1},
        },
        "alertmanager": alertmanager(around, notifications),
        "prometheusOperator": {
            "nodeSelector": nodes,
            "resources": resources("50m", "256Mi"),
            "prometheusConfigReloader": {"resources": resources("10m", "64Mi")},
            "admissionWebhooks": {
                "patch": {"nodeSelector": nodes, "resources": resources("10m", "64Mi")}
            },
        },
        "kube-state-metrics": {
            "nodeSelector": nodes,
            "resources": resources("20m", "256Mi"),
            "metricLabelsAllowlist": [
                f"nodes=[{','.join(NODE_LABELS)}]",
                "namespaces=[owner,tenant]",
            ],
        },
        "prometheus-node-exporter": {
            "namespaceOverride": NODE_NAMESPACE,
            "resources": resources("20m", "64Mi"),
        },
        "grafana": grafana(around, sources, has_password=has_password),
    }


def prometheus(around: Surroundings, cluster_name: str, storage: Storage) -> dict[str, Any]:
    # Without these it takes only what carries the label of its own release.
    everybody = {
        f"{kind}SelectorNilUsesHelmValues": False
        for kind in ("podMonitor", "probe", "rule", "scrapeConfig", "serviceMonitor")
    }
    return {
        **everybody,
        "externalLabels": {"cluster": cluster_name},
        "scrapeInterval": SCRAPE_INTERVAL,
        "evaluationInterval": SCRAPE_INTERVAL,
        "replicas": around.replicas,
        "nodeSelector": dict(around.node_labels),
        "topologySpreadConstraints": spread({"app.kubernetes.io/name": "prometheus"}),
        "resources": {"requests": {"cpu": "500m", "memory": "4Gi"}, "limits": {"memory": "8Gi"}},
        "retention": f"{storage.retention_days}d",
        # A full volume stops it for good, and the write-ahead log counts for nothing here.
        "retentionSize": f"{storage.gib * 4 // 5}GiB",
        "storageSpec": volume(storage.gib),
    }
