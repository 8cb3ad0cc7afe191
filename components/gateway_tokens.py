"""Who passes a gateway: callers whose tokens one issuer made, each tenant so often, so much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.addon import CustomObject
from components.gateway_objects import HTTPS_PORT, SELECTOR

CLAIM: Final = "tenant"
TENANT: Final = "x-tenant"
"""The verified claim, for whatever comes after the token."""

BUFFER: Final = "envoy.filters.http.buffer"
RATE: Final = "envoy.filters.http.local_ratelimit"
_MANAGER: Final = "envoy.filters.network.http_connection_manager"

_STRANGERS: Final = {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "1s"}
"""Of whoever is no tenant; to have none is not possible."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    issuer: str
    audience: str
    jwks_uri: str
    """Where the control plane asks for the issuer's keys."""
    limits: Mapping[str, Mapping[str, Any]]
    """Tenant, as tokens claim it → Envoy's token bucket. Each proxy has its own: divided by their
    number it would refuse those who keep to their limit over a single connection."""
    body_bytes: int
    """Of a request, where its host has no limit of its own."""
    own_headers: Sequence[str]
    """How those begin that only the gateway sets: a caller's are dropped."""

    def __post_init__(self) -> None:
        if not self.jwks_uri.startswith("https://"):
            raise ValueError(f"jwks_uri must be https, got {self.jwks_uri}")


def token_objects(tokens: Tokens) -> Mapping[str, CustomObject]:
    return {
        "tokens": CustomObject(
            api_version="security.istio.io/v1",
            kind="RequestAuthentication",
            spec={"selector": {"matchLabels": dict(SELECTOR)}, "jwtRules": [_rule(tokens)]},
        ),
        "requests": CustomObject(
            api_version="networking.istio.io/v1alpha3",
            kind="EnvoyFilter",
            spec={
                "workloadSelector": {"labels": dict(SELECTOR)},
                "configPatches": [
                    _manager(tokens),
                    # Before the router, so after tokens and policies, in this order.
                    _filter(RATE, rate_limit(tokens.limits)),
                    _filter(
                        BUFFER,
                        typed("filters.http.buffer.v3.Buffer", max_request_bytes=tokens.body_bytes),
                    ),
                ],
            },
        ),
    }


def typed(kind: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **fields}


def rate_limit(limits: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    by_tenant = {"request_headers": {"header_name": TENANT, "descriptor_key": CLAIM}}
    return typed(
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="gateway",
        filter_enabled=always,
        filter_enforced=always,
        token_bucket=_STRANGERS,
        always_consume_default_token_bucket=False,
        rate_limits=[{"actions": [by_tenant]}],
        descriptors=[
            {"entries": [{"key": CLAIM, "value": tenant}], "token_bucket": dict(bucket)}
            for tenant, bucket in sorted(limits.items())
        ],
        response_headers_to_add=[{"header": {"key": "retry-after", "value": "1"}}],
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        rate_limited_as_resource_exhausted=True,
    )


def _rule(tokens: Tokens) -> dict[str, Any]:
    return {
        "issuer": tokens.issuer,
        "audiences": [tokens.audience],
        "jwksUri": tokens.jwks_uri,
        # No other place: a token in a query string ends up in logs.
        "fromHeaders": [{"name": "authorization", "prefix": "Bearer "}],
        # A model is code of anybody's, and has no use for its caller's token.
        "forwardOriginalToken": False,
        "outputClaimToHeaders": [{"header": TENANT, "claim": CLAIM}],
    }


def _manager(tokens: Tokens) -> dict[str, Any]:
    """What a caller may not say, however it is spelt: gone before anything reads it."""
    dropped = [
        {"remove_on_match": {"key_matcher": {"prefix": each}}} for each in tokens.own_headers
    ]
    mutation = {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": typed(
            "http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=dropped
        ),
    }
    value = typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        early_header_mutation_extensions=[mutation],
        common_http_protocol_options={"headers_with_underscores_action": "REJECT_REQUEST"},
    )
    return {
        "applyTo": "NETWORK_FILTER",
        "match": _listener({"name": _MANAGER}),
        "patch": {"operation": "MERGE", "value": {"name": _MANAGER, "typed_config": value}},
    }


def _filter(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    router = {"name": _MANAGER, "subFilter": {"name": "envoy.filters.http.router"}}
    return {
        "applyTo": "HTTP_FILTER",
        "match": _listener(router),
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {"name": name, "typed_config": dict(config)},
        },
    }


def _listener(found: Mapping[str, Any]) -> dict[str, Any]:
    """Where TLS is; the way to it is open to all."""
    return {
        "context": "GATEWAY",
        "listener": {"portNumber": HTTPS_PORT, "filterChain": {"filter": dict(found)}},
    }
