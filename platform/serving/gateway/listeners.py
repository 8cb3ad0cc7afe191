"""The door of the gateway: one port for all models, HTTP/1.1 and HTTP/2 alike."""

from __future__ import annotations

from typing import Any, Final

from serving.gateway.access_log import access_log
from serving.gateway.documents import (
    LISTENER,
    ROUTES,
    Document,
    address,
    document,
    extension,
    file_of,
)
from serving.gateway.filters import dropped_headers, filters
from serving.gateway.refusals import refusals
from serving.gateway.routes import NAME
from serving.gateway.table import Gateway
from serving.gateway.tracing import chosen, tracing

STAT_PREFIX: Final = "gateway"
STREAMS_OF_CONNECTION: Final = 1000
BUFFERED: Final = 64 << 10
"""Bytes of a connection; a request that is held until it is whole has its model's limit."""
NOBODY: Final = {"address_prefix": "192.0.2.0", "prefix_len": 32}
"""Whose headers Envoy would trust: an address of no machine. Without any it trusts this one."""


def listeners(gateway: Gateway) -> Document:
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": _manager(gateway),
    }
    listener = {
        "name": NAME,
        "address": address(gateway.port),
        "per_connection_buffer_limit_bytes": BUFFERED,
        "filter_chains": [{"filters": [manager]}],
    }
    return document(LISTENER, [listener])


def _manager(gateway: Gateway) -> dict[str, Any]:
    return extension(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=STAT_PREFIX,
        rds={"route_config_name": NAME, "config_source": file_of(gateway.folder, ROUTES)},
        early_header_mutation_extensions=[
            dropped_headers(),
            *([chosen(gateway.traces)] if gateway.traces else []),
        ],
        **({"tracing": tracing(gateway.traces)} if gateway.traces else {}),
        http_filters=filters(gateway),
        access_log=[access_log(gateway.access_log)],
        local_reply_config={"mappers": list(refusals())},
        # what no caller may decide: who he is, and which path was meant
        use_remote_address=True,
        internal_address_config={"cidr_ranges": [NOBODY]},
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        strip_any_host_port=True,
        strip_trailing_host_dot=True,
        common_http_protocol_options={
            "headers_with_underscores_action": "REJECT_REQUEST",
            "idle_timeout": "3600s",
        },
        http2_protocol_options={"max_concurrent_streams": STREAMS_OF_CONNECTION},
        request_headers_timeout="10s",
        stream_idle_timeout="30s",
    )
