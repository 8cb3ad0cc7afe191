"""Spans of a share of the requests, and one trace through gateway and server.

Envoy hands each request's `traceparent` on, with a flag that says whether it is traced; Triton
traces whatever has one and ignores the flag. So requests that are not traced go on without.
"""

from __future__ import annotations

from typing import Any, Final

from serving.gateway.documents import named
from serving.gateway.outside import asked, outside
from serving.settings.local import Traces

CLUSTER: Final = "traces"
SERVICE: Final = "gateway"

_PARENT: Final = "traceparent"
_DRAW: Final = "x-draw"
_DIGITS: Final = 4
_SAMPLED: Final = "-.[13579bdf]$"
"""The flag is the last bit."""


def tracing(traces: Traces) -> dict[str, Any]:
    """Of the connection manager."""
    provider = {
        "name": "envoy.tracers.opentelemetry",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
            "service_name": SERVICE,
            "http_service": {"http_uri": asked(CLUSTER, traces.endpoint)},
        },
    }
    return {
        "provider": provider,
        "spawn_upstream_span": True,
        # Envoy's own has the query string
        "custom_tags": [{"tag": "http.url", "value": "%PATH(NQ)%"}],
    }


def collector(traces: Traces) -> dict[str, Any]:
    """The cluster that takes them."""
    return outside(CLUSTER, traces.endpoint)


def chosen(traces: Traces) -> dict[str, Any]:
    """Before anything else: a context that is none keeps Envoy from making any."""
    draw = {"key": _DRAW, "value": "%UNIQUE_ID%"}
    parent = {"key": _PARENT, "value": _parent(traces.sampling_percent)}
    return named(
        "envoy.http.early_header_mutation.header_mutation",
        "http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=[*map(_put, (draw, parent)), {"remove": _DRAW}],
    )


def _parent(percent: int) -> str:
    """Empty, which adds no header, for Envoy to begin a trace."""
    below = f"{round(percent / 100 * 16**_DIGITS):0{_DIGITS}x}" if percent < 100 else "g"
    there, its = f"'{_PARENT}' in request.headers", f"request.headers['{_PARENT}']"
    sampled = f"{there} ? {its}.matches('{_SAMPLED}') : request.headers['{_DRAW}'] < '{below}'"
    return f"%CEL(({sampled}) ? ({there} ? {its} : '') : 'untraced')%"


def _put(header: dict[str, str]) -> dict[str, Any]:
    return {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def withheld() -> dict[str, Any]:
    """Last before the router, which gives its own to what is traced."""
    mutations = [{"remove": header} for header in (_PARENT, "tracestate")]
    return named(
        "envoy.filters.http.header_mutation",
        "filters.http.header_mutation.v3.HeaderMutation",
        mutations={"request_mutations": mutations},
    )
