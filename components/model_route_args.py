"""What one model's way through the mesh depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What callers may ask."""

    name: str
    """As access logs have it."""
    method: str
    path: str
    protocol: Literal["http", "grpc"]
    kind: Literal["infer", "stream", "ask"]
    """One answer; answers as they come; a question that no model computes anything for."""


@dataclass(frozen=True, kw_only=True)
class ModelRouteArgs:
    model: str
    """Label `app.kubernetes.io/name` of its pods; `<model>-<version>` is a version's Service."""
    namespace: str
    """Of its pods, and there already."""
    domain: str
    issuer: str
    """Whose tokens are taken, as they have it in `iss`."""
    tenant: str
    """Whose they must be, by their claim."""
    offers: Sequence[Offer]
    body_bytes: int
    """Of a request; only a stream over gRPC has no end that could be waited for."""
    try_seconds: float
    """Until another server of the version is asked, once."""
    answer_seconds: float
    """Until the caller has an answer, whatever it is. A stream has neither limit."""
    versions: Sequence[int]
    """All that have servers."""
    stable: int | None = None
    canary: int | None = None
    weight: int = 0
    """Percent of requests that the canary answers."""
    shadow_percent: int = 0
    """Percent that are copied to it while it answers none."""

    def __post_init__(self) -> None:
        for percent in (self.weight, self.shadow_percent):
            if not 0 <= percent <= 100:
                raise ValueError(f"weight and shadow_percent must be 0 to 100, got {percent}")
        if self.weight and (self.stable is None or self.canary is None):
            raise ValueError("weight must be 0 unless there are a stable version and a canary")
        strangers = {self.stable, self.canary} - {None, *self.versions}
        if strangers:
            raise ValueError(f"stable and canary must be among versions, got {strangers}")

    @property
    def host(self) -> str:
        return f"{self.model}.{self.domain}"

    def service(self, version: int) -> str:
        return f"{self.model}-{version}.{self.namespace}.svc.cluster.local"
