"""What a request passes before it is routed: who sends it, how often, for which model, how much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from serving.gateway.documents import named
from serving.gateway.keys import keys
from serving.gateway.limits import SMALLEST_BODY, token_bucket
from serving.gateway.table import Gateway
from serving.gateway.tracing import withheld

JWT: Final = "envoy.filters.http.jwt_authn"
RATE: Final = "envoy.filters.http.local_ratelimit"
RBAC: Final = "envoy.filters.http.rbac"
BUFFER: Final = "envoy.filters.http.buffer"
GRPC: Final = "envoy.filters.http.grpc_stats"
ROUTER: Final = "envoy.filters.http.router"

CLAIMS: Final = "claims"
"""Where the verified token's claims lie in the metadata that the JWT filter leaves."""
FAILURE: Final = "failure"
"""There too, where a token was not verified."""
TENANT: Final = "x-tenant"

CLOCK_SKEW_SECONDS: Final = 10

OURS: Final = (
    "x-tenant", "x-pin", "x-claim", "x-jwt", "x-served-version", "x-envoy-",
    "x-forwarded-", "forwarded", "x-real-ip", "serving-", "triton-grpc-protocol-",
)  # fmt: skip
"""How headers begin that only the gateway sets, or nobody: a caller's are dropped before anything
reads them. The last two would carry the key of Triton's restricted APIs."""


def filters(gateway: Gateway) -> list[dict[str, Any]]:
    return [
        _token(gateway),
        # without a rule of the virtual host, nobody passes
        named(RBAC, "filters.http.rbac.v3.RBAC", rules={"action": "ALLOW", "policies": {}}),
        _rate(gateway),
        named(BUFFER, "filters.http.buffer.v3.Buffer", max_request_bytes=SMALLEST_BODY),
        named(GRPC, "filters.http.grpc_stats.v3.FilterConfig"),
        *([withheld()] if gateway.traces else []),
        named(ROUTER, "filters.http.router.v3.Router", suppress_envoy_headers=True),
    ]


def dropped_headers() -> dict[str, Any]:
    mutations = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in OURS]
    return named(
        "envoy.http.early_header_mutation.header_mutation",
        "http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=mutations,
    )


def _token(gateway: Gateway) -> dict[str, Any]:
    provider = {
        "issuer": gateway.issuer,
        "audiences": [gateway.audience],
        # no other place: a token in a query string ends up in logs
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "require_expiration": True,
        "clock_skew_seconds": CLOCK_SKEW_SECONDS,
        "payload_in_metadata": CLAIMS,
        "failed_status_in_metadata": FAILURE,
        "claim_to_headers": [{"header_name": TENANT, "claim_name": "tenant"}],
        "clear_route_cache": True,
        **keys(gateway),
    }
    return named(
        JWT,
        "filters.http.jwt_authn.v3.JwtAuthentication",
        providers={"issuer": provider},
        rules=[{"match": {"prefix": "/"}, "requires": {"provider_name": "issuer"}}],
    )


def _rate(gateway: Gateway) -> dict[str, Any]:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    by_tenant = {"request_headers": {"header_name": TENANT, "descriptor_key": "tenant"}}
    return named(
        RATE,
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="gateway",
        filter_enabled=always,
        filter_enforced=always,
        token_bucket=token_bucket(1),  # of whoever is no tenant
        always_consume_default_token_bucket=False,
        rate_limits=[{"actions": [by_tenant]}],
        descriptors=list(_buckets(gateway)),
        response_headers_to_add=[{"header": {"key": "retry-after", "value": "1"}}],
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        rate_limited_as_resource_exhausted=True,
    )


def _buckets(gateway: Gateway) -> Iterator[dict[str, Any]]:
    for name, tenant in sorted(gateway.tenants.items()):
        yield {
            "entries": [{"key": "tenant", "value": name}],
            "token_bucket": token_bucket(tenant.requests_per_second),
        }
