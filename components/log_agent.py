"""What sends the logs of every pod, and the cluster's events, to where they are kept: Alloy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.addon import Addon, AddonArgs, Installation
from components.charts import ALLOY
from components.log_agent_config import events, pod_logs
from components.network_policy import from_monitoring, out_to, pods_of, to_api_server
from components.pods import RESTRICTED_CONTAINER, RESTRICTED_POD
from components.surroundings import Surroundings

NAMESPACE: Final = "alloy"
METRICS_PORT: Final = 12345
STORAGE: Final = "/var/lib/alloy"
USER: Final = 473


@dataclass(frozen=True, kw_only=True)
class LogAgentArgs:
    surroundings: Surroundings
    url: str
    """Of Loki."""
    namespace: str
    """Where Loki is."""
    port: int
    tenant: str
    redactions: Mapping[str, str]
    """Name → RE2 expression; what its groups match is never sent."""
    taints: Sequence[str]
    """Keys of the taints of nodes whose pods are logged too: all that there are."""


class LogAgent(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: LogAgentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:LogAgent", name, None, opts)
        around = args.surroundings

        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="privileged",
                passes={
                    "api-server": to_api_server(around),
                    "metrics": from_monitoring(around, METRICS_PORT),
                    "lines": out_to(pods_of(args.namespace), ports=[args.port]),
                },
                releases={
                    "alloy": Installation(chart=ALLOY, values=pod_values(args)),
                    "alloy-events": Installation(chart=ALLOY, values=event_values(args)),
                },
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def pod_values(args: LogAgentArgs) -> dict[str, Any]:
    return {
        "alloy": {
            "configMap": {"content": pod_logs(args.url, args.tenant, args.redactions)},
            "mounts": {
                "varlog": True,
                "extra": [{"name": "read-so-far", "mountPath": STORAGE}],
            },
            "storagePath": STORAGE,
            "enableReporting": False,
            # Log files belong to root; it reads them and nothing else.
            "securityContext": {
                **RESTRICTED_CONTAINER,
                "runAsUser": 0,
                "seccompProfile": RESTRICTED_POD["seccompProfile"],
            },
            "resources": {
                "requests": {"cpu": "50m", "memory": "256Mi"},
                "limits": {"memory": "512Mi"},
            },
        },
        "controller": {
            "type": "daemonset",
            "tolerations": [
                {"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in args.taints
            ],
            # On the node, so that a new pod goes on where the last one was.
            "volumes": {
                "extra": [
                    {
                        "name": "read-so-far",
                        "hostPath": {"path": STORAGE, "type": "DirectoryOrCreate"},
                    }
                ]
            },
        },
        **_without_settings(),
    }


def event_values(args: LogAgentArgs) -> dict[str, Any]:
    """One alone, or every event would be kept as often as there are agents."""
    return {
        "alloy": {
            "configMap": {"content": events(args.url, args.tenant, args.redactions)},
            "mounts": {"extra": [{"name": "read-so-far", "mountPath": STORAGE}]},
            "storagePath": STORAGE,
            "enableReporting": False,
            "securityContext": {**RESTRICTED_CONTAINER, **RESTRICTED_POD, "runAsUser": USER},
            "resources": {
                "requests": {"cpu": "20m", "memory": "128Mi"},
                "limits": {"memory": "256Mi"},
            },
        },
        "controller": {
            "type": "deployment",
            "replicas": 1,
            "nodeSelector": dict(args.surroundings.node_labels),
            "volumes": {"extra": [{"name": "read-so-far", "emptyDir": {"sizeLimit": "64Mi"}}]},
        },
        **_without_settings(),
    }


def _without_settings() -> dict[str, Any]:
    return {
        "crds": {"create": False},
        # A new configuration comes with a new release, which restarts the pods.
        "configReloader": {"enabled": False},
        "rbac": {"rules": PODS, "clusterRules": EVENTS},
        "serviceMonitor": {"enabled": True, "interval": "15s"},
    }


PODS: Final[Sequence[Mapping[str, Any]]] = (
    {"apiGroups": [""], "resources": ["namespaces", "pods"], "verbs": ["get", "list", "watch"]},
)
EVENTS: Final[Sequence[Mapping[str, Any]]] = (
    {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "list", "watch"]},
)
"""The chart's own would let the agents of all nodes read every secret of the cluster."""
