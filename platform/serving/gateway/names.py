"""What callers and counters go by: host names, headers, and the names of Envoy's clusters."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

from serving.gateway.calls import Protocol

Role: TypeAlias = Literal["", "pods", "failover", "mirror", "aside"]
"""What routes name, an aggregate of the next two; the version's servers; who takes over from them;
the servers once more for copies of requests; once more for requests that are no sample."""

DOMAIN: Final = "localhost"
SERVED_VERSION: Final = "x-served-version"
"""In the answers of a version, and in none that the gateway makes itself."""

_SUFFIXES: Final[dict[Protocol, str]] = {"http": "", "grpc": "-grpc"}


def authority(model: str) -> str:
    return f"{model}.{DOMAIN}"


def statistics(model: str, version: int, role: Role = "") -> str:
    """Both protocols count under it, as `promotion.gateway` reads."""
    return f"{model}-{version}" + (f"-{role}" if role else "")


def cluster(model: str, version: int, role: Role = "", *, protocol: Protocol = "http") -> str:
    return statistics(model, version, role) + _SUFFIXES[protocol]


def version_of(cluster_name: str, model: str) -> int | None:
    """Of what routes name; None for any other cluster."""
    match = re.fullmatch(rf"{re.escape(model)}-([0-9]+)(-grpc)?", cluster_name)
    return int(match[1]) if match else None


def protocol_of(cluster_name: str) -> Protocol:
    return "grpc" if cluster_name.endswith(_SUFFIXES["grpc"]) else "http"
