"""NetworkPolicies in the few shapes that add-ons and tenants need. Each lets something through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pulumi_kubernetes.networking.v1 import (
    NetworkPolicyEgressRuleArgsDict,
    NetworkPolicyPeerArgsDict,
    NetworkPolicyPortArgsDict,
    NetworkPolicySpecArgsDict,
)

from components.surroundings import Surroundings

CLUSTER_DNS: Final[NetworkPolicyPeerArgsDict] = {
    "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": "kube-system"}},
    "pod_selector": {"match_labels": {"k8s-app": "kube-dns"}},
}
DNS_PORTS: Final[Sequence[NetworkPolicyPortArgsDict]] = (
    {"protocol": "UDP", "port": 53},
    {"protocol": "TCP", "port": 53},
)
ANYWHERE: Final = "0.0.0.0/0"

IDENTITY_AGENT: Final[NetworkPolicyEgressRuleArgsDict] = {
    "to": [{"ip_block": {"cidr": "169.254.170.23/32"}}],
    "ports": [{"protocol": "TCP", "port": 80}],
}
"""EKS's agent on the node, where pods get roles from it; where not, nobody has that address."""

DEFAULT_DENY: Final[NetworkPolicySpecArgsDict] = {
    "pod_selector": {},
    "policy_types": ["Ingress", "Egress"],
}
NAMES: Final[NetworkPolicySpecArgsDict] = {
    "pod_selector": {},
    "policy_types": ["Egress"],
    "egress": [{"to": [CLUSTER_DNS], "ports": DNS_PORTS}],
}
"""What pods need before they can ask anybody by name."""


def pods_of(namespace: str, labels: Mapping[str, str] | None = None) -> NetworkPolicyPeerArgsDict:
    peer: NetworkPolicyPeerArgsDict = {
        "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": namespace}}
    }
    if labels:
        peer["pod_selector"] = {"match_labels": labels}
    return peer


def addresses(*cidrs: str) -> list[NetworkPolicyPeerArgsDict]:
    return [{"ip_block": {"cidr": cidr}} for cidr in cidrs]


def into(
    *peers: NetworkPolicyPeerArgsDict,
    ports: Sequence[int],
    pods: Mapping[str, str] | None = None,
) -> NetworkPolicySpecArgsDict:
    """From these peers, which must be at least one: no list would stand for everybody."""
    _at_least_one(peers)
    return {
        "pod_selector": {"match_labels": pods} if pods else {},
        "policy_types": ["Ingress"],
        "ingress": [{"from_": list(peers), "ports": tcp(ports)}],
    }


def out_to(
    *peers: NetworkPolicyPeerArgsDict,
    ports: Sequence[int] = (),
    pods: Mapping[str, str] | None = None,
) -> NetworkPolicySpecArgsDict:
    _at_least_one(peers)
    return {
        "pod_selector": {"match_labels": pods} if pods else {},
        "policy_types": ["Egress"],
        "egress": [{"to": list(peers), "ports": tcp(ports)}],
    }


def within() -> NetworkPolicySpecArgsDict:
    """Between the pods of the namespace itself."""
    own: NetworkPolicyPeerArgsDict = {"pod_selector": {}}
    return {
        "pod_selector": {},
        "policy_types": ["Ingress", "Egress"],
        "ingress": [{"from_": [own]}],
        "egress": [{"to": [own]}],
    }


def to_api_server(around: Surroundings) -> NetworkPolicySpecArgsDict:
    """Policies are asked before or after a Service's address is translated, by the plugin used."""
    return out_to(*addresses(around.api_service, around.vpc_cidr), ports=[443])


def from_api_server(around: Surroundings, port: int) -> NetworkPolicySpecArgsDict:
    """For webhooks."""
    return into(*addresses(around.vpc_cidr), ports=[port])


def from_monitoring(around: Surroundings, *ports: int) -> NetworkPolicySpecArgsDict:
    return into(pods_of(around.monitoring_namespace), ports=ports)


def to_https() -> NetworkPolicySpecArgsDict:
    """Of whoever has no addresses that could be listed."""
    return out_to(*addresses(ANYWHERE), ports=[443])


def to_aws(pods: Mapping[str, str] | None = None) -> NetworkPolicySpecArgsDict:
    """And to who hands out credentials for it."""
    https: NetworkPolicyEgressRuleArgsDict = {"to": addresses(ANYWHERE), "ports": tcp([443])}
    return {
        "pod_selector": {"match_labels": pods} if pods else {},
        "policy_types": ["Egress"],
        "egress": [https, IDENTITY_AGENT],
    }


def tcp(ports: Sequence[int]) -> list[NetworkPolicyPortArgsDict]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _at_least_one(peers: Sequence[NetworkPolicyPeerArgsDict]) -> None:
    if not peers:
        raise ValueError("peers must be at least one: an empty list lets everybody through")
