"""The service mesh: Istio's control plane; every connection authenticated, no request allowed
before a policy names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.addon import Addon, AddonArgs, Installation
from components.charts import ISTIO_BASE, ISTIO_CNI, ISTIOD
from components.mesh_policies import INJECTION, XDS_PORT, Tracing, mesh_config, policies
from components.network_policy import (
    from_api_server,
    from_monitoring,
    into,
    to_api_server,
    to_https,
)
from components.pods import resources, spread
from components.surroundings import Surroundings

NAMESPACE: Final = "istio-system"
CNI_NAMESPACE: Final = "istio-cni"
METRICS_PORT: Final = 15014
WEBHOOK_PORT: Final = 15017


@dataclass(frozen=True, kw_only=True)
class MeshArgs:
    surroundings: Surroundings
    region: str
    access_log: Mapping[str, str]
    """Field of a line → what Envoy puts there."""
    tracing: Tracing | None = None
    fetches_keys: bool = False
    """Of callers' tokens, from where their issuer publishes them."""


class Mesh(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: MeshArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Mesh", name, None, opts)
        around = args.surroundings
        within = pulumi.ResourceOptions(parent=self)

        nodes = Addon(
            f"{name}-cni",
            AddonArgs(
                surroundings=around,
                namespace=CNI_NAMESPACE,
                security="privileged",
                passes={
                    "api-server": to_api_server(around),
                    "metrics": from_monitoring(around, METRICS_PORT),
                },
                releases={"istio-cni": Installation(chart=ISTIO_CNI, values=cni_values())},
            ),
            within,
        )
        control = Addon(
            f"{name}-control",
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="restricted",
                passes={
                    **({"keys": to_https()} if args.fetches_keys else {}),
                    "api-server": to_api_server(around),
                    "webhook": from_api_server(around, WEBHOOK_PORT),
                    "metrics": from_monitoring(around, METRICS_PORT),
                    "proxies": into(
                        {"namespace_selector": {"match_labels": INJECTION}}, ports=[XDS_PORT]
                    ),
                },
                releases={
                    "istio-base": Installation(chart=ISTIO_BASE, values={}),
                    "istiod": Installation(chart=ISTIOD, values=istiod_values(args)),
                },
                after=policies(args.region, args.tracing),
            ),
            # Pods get no network of the mesh's on a node where this is missing.
            pulumi.ResourceOptions(parent=self, depends_on=[nodes]),
        )
        self.namespace = control.namespace
        self.register_outputs({"namespace": self.namespace})


def cni_values() -> dict[str, Any]:
    return {"global": {"logAsJson": True}, "resources": resources("20m", "128Mi")}


def istiod_values(args: MeshArgs) -> dict[str, Any]:
    around = args.surroundings
    return {
        "autoscaleMin": around.replicas,
        "nodeSelector": dict(around.node_labels),
        "topologySpreadConstraints": spread({"app": "istiod"}),
        "resources": {**resources("100m", "2Gi"), "limits": {"memory": "4Gi"}},
        "seccompProfile": {"type": "RuntimeDefault"},
        "pdb": {"unhealthyPodEvictionPolicy": "AlwaysAllow"},
        "cni": {"enabled": True},
        # A Job would never end beside a sidecar that does not know of it.
        "env": {"ENABLE_NATIVE_SIDECARS": "true"},
        "meshConfig": mesh_config(args.access_log, args.tracing),
        "global": {
            "logAsJson": True,
            "proxy": {
                "seccompProfile": {"type": "RuntimeDefault"},
                "resources": {
                    "requests": {"cpu": "50m", "memory": "128Mi"},
                    "limits": {"memory": "512Mi"},
                },
            },
        },
    }
