"""What every add-on must know of the cluster that it is put into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    kubernetes_version: str
    """Whose Pod Security rules hold: `1.35`."""
    node_labels: Mapping[str, str]
    """Of the nodes that carry everything but inference."""
    vpc_cidr: str
    """Of nodes, pods, and the API server's own addresses."""
    service_cidr: str
    monitoring_namespace: str
    """Where metrics are read from."""
    replicas: int
    """Of what answers others: two or more where a failed zone must go unnoticed."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Image, with its registry and tag → `sha256:…`. One that is not named goes by its tag."""

    @property
    def api_service(self) -> str:
        """Where pods ask for the API server: the first address of all Services."""
        return f"{IPv4Network(self.service_cidr)[1]}/32"
