"""Who may talk to whom under a set of NetworkPolicies, as Kubernetes decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Pod:
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)


def allowed(
    policies: Sequence[Mapping[str, Any]],
    source: Pod | str,
    to: Pod | str,
    port: int,
    protocol: str = "TCP",
) -> bool:
    """May `source` reach `to`, each a pod or an address, on `port`?"""
    out = isinstance(source, str) or _passes(policies, source, "Egress", to, port, protocol)
    into = isinstance(to, str) or _passes(policies, to, "Ingress", source, port, protocol)
    return out and into


def _passes(
    policies: Sequence[Mapping[str, Any]],
    subject: Pod,
    direction: str,
    peer: Pod | str,
    port: int,
    protocol: str,
) -> bool:
    """A pod that no policy of a direction selects is open in it."""
    specs = [
        policy["spec"]
        for policy in policies
        if policy["metadata"]["namespace"] == subject.namespace
        and direction in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], subject.labels)
    ]
    key = "from" if direction == "Ingress" else "to"
    rules = [rule for spec in specs for rule in spec.get(direction.lower(), [])]
    return not specs or any(
        _peers(rule.get(key), peer, subject.namespace) and _ports(rule.get("ports"), port, protocol)
        for rule in rules
    )


def _peers(peers: Sequence[Mapping[str, Any]] | None, peer: Pod | str, namespace: str) -> bool:
    """No list, or an empty one, stands for everybody."""
    return not peers or any(_is(each, peer, namespace) for each in peers)


def _is(described: Mapping[str, Any], peer: Pod | str, namespace: str) -> bool:
    if "ipBlock" in described:
        return isinstance(peer, str) and IPv4Address(peer) in IPv4Network(
            described["ipBlock"]["cidr"]
        )
    if isinstance(peer, str):
        return False
    pods = _selects(described.get("podSelector", {}), peer.labels)
    if "namespaceSelector" not in described:
        return pods and peer.namespace == namespace
    labels = {**peer.namespace_labels, "kubernetes.io/metadata.name": peer.namespace}
    return pods and _selects(described["namespaceSelector"], labels)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, selector
    return selector.get("matchLabels", {}).items() <= labels.items()


def _ports(ports: Sequence[Mapping[str, Any]] | None, port: int, protocol: str) -> bool:
    return not ports or any(
        each["port"] == port and each.get("protocol", "TCP") == protocol for each in ports
    )
