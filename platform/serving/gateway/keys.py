"""The keys by which tokens are known: as they are, or asked of their issuer again and again."""

from __future__ import annotations

from typing import Any, Final

from serving.gateway.documents import seconds
from serving.gateway.outside import asked, outside
from serving.gateway.table import Gateway, RemoteKeys

CLUSTER: Final = "identity"

KNOWN_TOKENS: Final = 1000
AGAIN_SECONDS: Final = 1.0
"""After the issuer could not be asked."""
_EARLY_SECONDS: Final = 5
"""Envoy asks so long before the time that it is given."""


def keys(gateway: Gateway) -> dict[str, Any]:
    """Of a provider of the JWT filter."""
    if not isinstance(gateway.jwks, RemoteKeys):
        return {
            "local_jwks": {"inline_string": gateway.jwks},
            "jwt_cache_config": {"jwt_cache_size": KNOWN_TOKENS},
        }
    # No tokens are remembered: they would outlive their key. The keys that are there hold until
    # others come; only without any does a request itself ask for them, and fails if there are none.
    return {
        "remote_jwks": {
            "http_uri": asked(CLUSTER, gateway.jwks.address),
            "cache_duration": seconds(gateway.jwks.refresh_seconds + _EARLY_SECONDS),
            "async_fetch": {"failed_refetch_duration": seconds(AGAIN_SECONDS)},
        }
    }


def issuer(remote: RemoteKeys) -> dict[str, Any]:
    """The cluster that is asked."""
    return outside(CLUSTER, remote.address, remote.authorities)
