"""What a promotion stands on: one stack, seen from the promotion, whatever its target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.contract.model import ModelContract
from serving.promotion.events import Receiver
from serving.promotion.gateway import Gateway
from serving.promotion.route import Route
from serving.promotion.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One server of a version."""

    pod: str
    http: str
    """Host and port, as for gRPC."""
    grpc: str


@dataclass(frozen=True, kw_only=True)
class Ground:
    stack: Stack
    file: Path
    """With the stack's configuration; each change of its releases is written there."""
    route: Route
    prometheus: str
    """Its address."""
    gateway: Gateway
    scrape_seconds: float
    """Between two scrapes of one target."""
    window_seconds: float
    """That are judged at once."""
    journals: str
    """A folder, or a prefix of a bucket, with a folder for each model; so are the leases."""
    leases: str
    config_digest: Callable[[], str]
    """Of the stack's configuration without its releases, as it lies there now."""
    contract: Callable[[str], ModelContract]
    """As it is today. Raises InputError where there is no such model."""
    published: Callable[[str, int], ModelContract]
    """As frozen with this version."""
    verify: Callable[[str, int], None]
    """The digest of every file of a version. Raises ServingError."""
    endpoints: Callable[[str, int], Sequence[Endpoint]]
    """The servers of a deployed version."""
    receivers: Sequence[Receiver] = ()
