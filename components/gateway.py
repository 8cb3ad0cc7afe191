"""The way in: a network load balancer with TLS, and proxies of the mesh behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.networking.v1 import NetworkPolicySpecArgsDict

from components import mesh
from components.addon import Addon, AddonArgs, CustomObject, Installation
from components.charts import ISTIO_GATEWAY
from components.gateway_objects import (
    HTTP_PORT,
    HTTPS_PORT,
    SCHEME,
    SELECTOR,
    STATUS_PORT,
    WORKLOAD,
    load_balancer,
    objects,
    service_spec,
)
from components.gateway_tokens import Tokens, token_objects
from components.load_balancer_controller import READINESS, hostname
from components.mesh_policies import INJECTION, PROXY_METRICS_PORT, XDS_PORT
from components.network_policy import (
    ANYWHERE,
    addresses,
    from_monitoring,
    into,
    out_to,
    pods_of,
)
from components.pods import RESTRICTED_POD, spread
from components.surroundings import Surroundings
from components.tenant import INFERENCE_PORTS

NAMESPACE: Final = "istio-ingress"
DRAIN_SECONDS: Final = 75
"""A proxy stays until the load balancer has stopped to send it anything new."""


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    surroundings: Surroundings
    domain: str
    """Models answer at `<model>.<domain>`."""
    certificate_arn: pulumi.Input[str]
    """Of a certificate for `*.<domain>`, in ACM."""
    public_access_cidrs: Sequence[str] = ()
    """Who may come from the internet; unless any is named, nobody finds it there."""
    tracing_namespace: str | None = None
    collector_port: int | None = None
    """Where spans are sent outside of the cluster; its addresses are nobody's to know."""
    latency_edges_ms: Sequence[float] = ()
    """Of the histogram of requests' durations; Envoy's own where there is none."""
    tokens: Tokens | None = None
    """What callers are known by; unless there are any, nobody comes through."""


class Gateway(pulumi.ComponentResource):
    hostname: pulumi.Output[str]
    """Of the load balancer: what the domain's records point to."""

    def __init__(
        self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Gateway", name, None, opts)

        addon = Addon(
            name,
            AddonArgs(
                surroundings=args.surroundings,
                namespace=NAMESPACE,
                security="restricted",
                labels={**INJECTION, **READINESS},
                passes=passes(args),
                after=after(args),
                releases={
                    WORKLOAD: Installation(chart=ISTIO_GATEWAY, values=values(args)),
                },
            ),
            pulumi.ResourceOptions(parent=self),
        )
        # Not the chart's: this one is only gone when the load balancer is, so that the controller
        # and the subnets outlive it.
        service = k8s.core.v1.Service(
            name,
            metadata={
                "name": WORKLOAD,
                "namespace": addon.namespace,
                "annotations": load_balancer(
                    args.certificate_arn, public=bool(args.public_access_cidrs)
                ),
            },
            spec=service_spec(args.public_access_cidrs),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[addon],
                # AWS makes another load balancer for another scheme. A Service that is updated has
                # the old one's name until then, and nobody would wait for the new one.
                replace_on_changes=[f'metadata.annotations["{SCHEME}"]'],
                delete_before_replace=True,
            ),
        )
        self.hostname = service.status.apply(hostname)
        self.register_outputs({"hostname": self.hostname})


def load_balancer_tags(cluster_name: str) -> Mapping[str, str]:
    """That its controller gives it."""
    return {
        "elbv2.k8s.aws/cluster": cluster_name,
        "service.k8s.aws/stack": f"{NAMESPACE}/{WORKLOAD}",
    }


def after(args: GatewayArgs) -> Mapping[str, CustomObject]:
    tokens = token_objects(args.tokens) if args.tokens else {}
    return {**objects(args.domain), **tokens}


def values(args: GatewayArgs) -> dict[str, Any]:
    replicas = args.surroundings.replicas
    return {
        "service": {"type": "None"},
        "autoscaling": {"minReplicas": replicas},
        "podDisruptionBudget": {"maxUnavailable": 1} if replicas > 1 else {},
        "nodeSelector": dict(args.surroundings.node_labels),
        "topologySpreadConstraints": spread(SELECTOR),
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": {
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            **RESTRICTED_POD,
        },
        "podAnnotations": pod_annotations(args.latency_edges_ms),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "terminationGracePeriodSeconds": DRAIN_SECONDS + 45,
    }


def pod_annotations(edges: Sequence[float]) -> Mapping[str, str]:
    if not edges:
        return {}
    return {
        "sidecar.istio.io/statsHistogramBuckets": json.dumps({"istiocustom": list(edges)}),
    }


def passes(args: GatewayArgs) -> Mapping[str, NetworkPolicySpecArgsDict]:
    around = args.surroundings
    found: dict[str, NetworkPolicySpecArgsDict] = {
        # Requests keep their caller's address; the load balancer's security group bounds them.
        "requests": into(*addresses(ANYWHERE), ports=[HTTP_PORT, HTTPS_PORT]),
        "health-checks": into(*addresses(around.vpc_cidr), ports=[STATUS_PORT]),
        "metrics": from_monitoring(around, PROXY_METRICS_PORT),
        "configuration": out_to(pods_of(mesh.NAMESPACE), ports=[XDS_PORT]),
        "models": out_to(
            {"namespace_selector": {"match_labels": INJECTION}}, ports=INFERENCE_PORTS
        ),
    }
    if args.tracing_namespace is not None:
        found["traces"] = out_to(pods_of(args.tracing_namespace), ports=[4317])
    if args.collector_port is not None:
        found["collector"] = out_to(*addresses(ANYWHERE), ports=[args.collector_port])
    return found
