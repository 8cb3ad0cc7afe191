"""What stands behind a gateway: models with their versions' servers, and who may call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serving.contract.model import ModelContract
from serving.settings import Release
from serving.settings.local import Traces
from serving.tenancy import Tenant


@dataclass(frozen=True, kw_only=True)
class Server:
    name: str
    """`<model>-<version>-<replica>`."""
    http_port: int
    grpc_port: int


@dataclass(frozen=True, kw_only=True)
class Served:
    contract: ModelContract
    release: Release
    servers: Mapping[int, Sequence[Server]]
    """By version: of all that a release names, the previous one where it is kept warm."""

    def __post_init__(self) -> None:
        for version in (self.release.stable, self.release.canary):
            if version is not None and not self.servers.get(version):
                raise ValueError(f"{self.contract.name}: version {version} has no server")

    @property
    def name(self) -> str:
        return self.contract.name

    @property
    def versions(self) -> tuple[int, ...]:
        return tuple(sorted(self.servers))

    @property
    def shadow(self) -> int | None:
        """The version that gets copies of requests and answers none of them."""
        if self.release.weight or not self.contract.rollout.shadow_percent:
            return None
        return self.release.canary if self.release.stable is not None else None


@dataclass(frozen=True, kw_only=True)
class RemoteKeys:
    """Of an issuer that changes them by itself."""

    address: str
    refresh_seconds: int
    authorities: str
    """A file of certificates: whom https is believed."""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    port: int
    admin_port: int
    served: Sequence[Served]
    tenants: Mapping[str, Tenant]
    issuer: str
    audience: str
    jwks: str | RemoteKeys
    """The issuer's public keys, as a JSON Web Key Set, or where it publishes them."""
    traces: Traces | None = None
    edges: Sequence[float]
    """Of the latency histograms, in milliseconds. Only a restart changes them, so they are those of
    all models that may ever be served here."""
    folder: str
    """Where the documents lie, under the names of `documents`."""
    access_log: str

    def __post_init__(self) -> None:
        for served in self.served:
            if served.contract.tenant not in self.tenants:
                raise ValueError(f"{served.name}: {served.contract.tenant} is no tenant")
