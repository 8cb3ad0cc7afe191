"""One team's share of a cluster: a namespace, its limits, its readers, its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.core.v1 import LimitRangeItemArgsDict
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicyEgressRuleArgsDict,
    NetworkPolicyPeerArgsDict,
    NetworkPolicySpecArgsDict,
)
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgsDict

from components.load_balancer_controller import READINESS
from components.mesh_policies import INJECTION, PROXY_METRICS_PORT, XDS_PORT
from components.network_policy import (
    ANYWHERE,
    DEFAULT_DENY,
    IDENTITY_AGENT,
    NAMES,
    addresses,
    into,
    out_to,
    pods_of,
)

INFERENCE_PORTS: Final = (8000, 8001)
METRICS_PORT: Final = 8002
OTLP_PORTS: Final = (4317, 4318)

CONTAINER_LIMITS: Final[LimitRangeItemArgsDict] = {
    "type": "Container",
    "default_request": {"cpu": "100m", "memory": "256Mi"},
    "default": {"memory": "1Gi"},
}
"""For containers that say nothing themselves; the quota refuses them otherwise. A limit of CPU
would be every container's that has none, and keep out those that request more."""

VIEWER_RULES: Final[Sequence[PolicyRuleArgsDict]] = (
    {
        "api_groups": [""],
        "resources": ["configmaps", "events", "pods", "pods/log", "resourcequotas", "services"],
        "verbs": ["get", "list", "watch"],
    },
    {
        "api_groups": ["apps"],
        "resources": ["deployments", "replicasets"],
        "verbs": ["get", "list", "watch"],
    },
)


@dataclass(frozen=True, kw_only=True)
class TenantArgs:
    namespace: str
    team: str
    group: str
    """Kubernetes group of the people who may look, not touch."""
    accelerators: Mapping[str, int]
    """Extended resource, such as `nvidia.com/gpu`, → how many."""
    cpu: str
    memory: str
    kubernetes_version: str
    """Whose Pod Security rules hold: `1.35`."""
    gateway_namespace: str | None = None
    """Where inference requests come from, in a mesh."""
    mesh_namespace: str | None = None
    """Where the pods' proxies learn who is who; none have one where there is no mesh."""
    gateway_cidrs: Sequence[str] = ()
    """Where inference requests come from, without a mesh: the load balancer's networks."""
    monitoring_namespace: str
    """Where metrics are read from."""
    tracing_namespace: str | None = None
    """Where spans are sent."""
    collector_port: int | None = None
    """Where they are sent outside of the cluster; its addresses are nobody's to know. The mesh
    lets pods speak to that host alone."""
    egress_cidrs: pulumi.Input[Sequence[str]]
    """What pods may reach over HTTPS. One input for all: S3 says how many only when asked."""

    def __post_init__(self) -> None:
        meshed = (self.gateway_namespace is not None, self.mesh_namespace is not None)
        if meshed not in ((True, True), (False, False)) or all(meshed) == bool(self.gateway_cidrs):
            raise ValueError(
                "a tenant must have gateway_namespace and mesh_namespace, or gateway_cidrs"
            )


class Tenant(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: TenantArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Tenant", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        namespace = k8s.core.v1.Namespace(
            name,
            metadata={"name": args.namespace, "labels": namespace_labels(name, args)},
            opts=within,
        )
        self.namespace = namespace.metadata.apply(lambda metadata: str(metadata.name))

        def metadata(object_name: str) -> k8s.meta.v1.ObjectMetaArgsDict:
            return {"name": object_name, "namespace": self.namespace}

        k8s.core.v1.ResourceQuota(
            name, metadata=metadata("quota"), spec={"hard": quota(args)}, opts=within
        )
        k8s.core.v1.LimitRange(
            name, metadata=metadata("limits"), spec={"limits": [CONTAINER_LIMITS]}, opts=within
        )
        k8s.rbac.v1.Role(name, metadata=metadata("viewer"), rules=list(VIEWER_RULES), opts=within)
        k8s.rbac.v1.RoleBinding(
            name,
            metadata=metadata("viewer"),
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": "viewer"},
            subjects=[
                {
                    "api_group": "rbac.authorization.k8s.io",
                    "kind": "Group",
                    "name": args.group,
                }
            ],
            opts=within,
        )
        for key, spec in network_policies(args).items():
            k8s.networking.v1.NetworkPolicy(
                f"{name}-{key}", metadata=metadata(key), spec=spec, opts=within
            )
        self.register_outputs({"namespace": self.namespace})


def namespace_labels(name: str, args: TenantArgs) -> dict[str, str]:
    return {
        "tenant": name,
        "owner": args.team,
        **(READINESS if args.mesh_namespace is None else INJECTION),
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": f"v{args.kubernetes_version}",
    }


def quota(args: TenantArgs) -> dict[str, str]:
    """Only gateways face the outside, so a tenant's Services get neither balancer nor node port."""
    accelerators = {f"requests.{name}": str(count) for name, count in args.accelerators.items()}
    return {
        **accelerators,
        "requests.cpu": args.cpu,
        "requests.memory": args.memory,
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def network_policies(args: TenantArgs) -> Mapping[str, NetworkPolicySpecArgsDict]:
    """Nothing passes but what one of the others lets through."""
    # Some engines have their metrics where they are asked; a proxy adds them to its own.
    metrics_ports = [INFERENCE_PORTS[0], METRICS_PORT]
    gateway = addresses(*args.gateway_cidrs)
    found: dict[str, NetworkPolicySpecArgsDict] = {}
    if args.gateway_namespace is not None and args.mesh_namespace is not None:
        metrics_ports = [METRICS_PORT, PROXY_METRICS_PORT]
        gateway = [pods_of(args.gateway_namespace)]
        found["mesh"] = out_to(pods_of(args.mesh_namespace), ports=[XDS_PORT])
    found |= {
        "default-deny": DEFAULT_DENY,
        "gateway": into(*gateway, ports=INFERENCE_PORTS),
        "metrics": into(pods_of(args.monitoring_namespace), ports=metrics_ports),
        "dns": NAMES,
        "aws": _egress(pulumi.Output.from_input(args.egress_cidrs).apply(_https_to)),
    }
    if args.tracing_namespace is not None:
        found["traces"] = out_to(pods_of(args.tracing_namespace), ports=OTLP_PORTS)
    if args.collector_port is not None:
        found["collector"] = out_to(*addresses(ANYWHERE), ports=[args.collector_port])
    return found


def _https_to(cidrs: Sequence[str]) -> list[NetworkPolicyEgressRuleArgsDict]:
    # A rule with an empty `to` lets everything out.
    if not cidrs:
        return []
    peers: list[NetworkPolicyPeerArgsDict] = [{"ip_block": {"cidr": cidr}} for cidr in cidrs]
    return [{"to": peers, "ports": [{"protocol": "TCP", "port": 443}]}, IDENTITY_AGENT]


def _egress(
    rules: pulumi.Input[Sequence[NetworkPolicyEgressRuleArgsDict]],
) -> NetworkPolicySpecArgsDict:
    return {"pod_selector": {}, "policy_types": ["Egress"], "egress": rules}
