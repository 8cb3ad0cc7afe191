"""Secrets of AWS Secrets Manager as Secrets of Kubernetes, kept alike: External Secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from components.addon import Addon, AddonArgs, CustomObject, Installation
from components.charts import EXTERNAL_SECRETS
from components.network_policy import from_api_server, from_monitoring, to_api_server, to_aws
from components.pods import resources, spread
from components.surroundings import Surroundings

NAMESPACE: Final = "external-secrets"
SERVICE_ACCOUNT: Final = "external-secrets"
METRICS_PORT: Final = 8080
WEBHOOK_PORT: Final = 10250
STORE: Final = "platform"


@dataclass(frozen=True, kw_only=True)
class ExternalSecretsArgs:
    surroundings: Surroundings
    account_annotations: pulumi.Input[Mapping[str, str]]
    """Of its service account: what gives its pods their role."""
    region: str
    namespaces: Sequence[str]
    """Whose objects may ask for its role's secrets, beside those of tenants."""


class ExternalSecrets(pulumi.ComponentResource):
    store: pulumi.Output[str]
    """The ClusterSecretStore that an ExternalSecret names."""

    def __init__(
        self, name: str, args: ExternalSecretsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ExternalSecrets", name, None, opts)
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
                    "aws": to_aws(),
                },
                releases={
                    "external-secrets": Installation(chart=EXTERNAL_SECRETS, values=values(args)),
                },
            ),
            pulumi.ResourceOptions(parent=self),
        )
        store = k8s.apiextensions.CustomResource(
            f"{name}-store",
            api_version="external-secrets.io/v1",
            kind="ClusterSecretStore",
            metadata={"name": STORE},
            spec=store_spec(args.region, args.namespaces),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[addon]),
        )
        self.store = store.urn.apply(lambda _: STORE)
        self.register_outputs({"store": self.store})


def store_spec(region: str, namespaces: Sequence[str]) -> dict[str, Any]:
    """Without credentials of its own: the operator's role says what there is to read."""
    return {
        "provider": {"aws": {"service": "SecretsManager", "region": region}},
        "conditions": [
            {"namespaces": list(namespaces)},
            {"namespaceSelector": {"matchExpressions": [{"key": "tenant", "operator": "Exists"}]}},
        ],
    }


MONITOR: Final = CustomObject(
    api_version="monitoring.coreos.com/v1",
    kind="ServiceMonitor",
    spec={
        "namespaceSelector": {"matchNames": [NAMESPACE]},
        "selector": {"matchLabels": {"app.kubernetes.io/name": "external-secrets"}},
        "endpoints": [{"port": "metrics", "interval": "30s"}],
    },
)


def values(args: ExternalSecretsArgs) -> dict[str, Any]:
    around = args.surroundings
    several = around.replicas > 1

    def workload(name: str) -> dict[str, Any]:
        return {
            "replicaCount": around.replicas,
            "topologySpreadConstraints": spread({"app.kubernetes.io/name": name}),
            "podDisruptionBudget": {"enabled": several},
            "resources": resources("20m", "256Mi"),
        }

    return {
        **workload("external-secrets"),
        "webhook": workload("external-secrets-webhook"),
        "certController": workload("external-secrets-cert-controller"),
        "leaderElect": several,
        "global": {"nodeSelector": dict(around.node_labels)},
        "serviceAccount": {"name": SERVICE_ACCOUNT, "annotations": args.account_annotations},
        # Prometheus, whose password it may bring, comes after it and measures it by a monitor of
        # its own.
        "metrics": {"service": {"enabled": True}},
        # They would carry secrets into every namespace, or out of the cluster.
        "processClusterExternalSecret": False,
        "processClusterGenerator": False,
        "processClusterPushSecret": False,
        "processPushSecret": False,
    }
