"""What an Envoy is started with: where the rest lies, and what it counts."""

from __future__ import annotations

from typing import Any, Final

from serving.gateway.documents import CLUSTERS, LISTENERS, Document, address, extension, file_of
from serving.gateway.table import Gateway

CONNECTIONS: Final = 4096
NOT_COUNTED: Final = [
    {"safe_regex": {"regex": r"cluster\..*\.(circuit_breakers|http1|http2|internal|external)\..*"}},
    {"safe_regex": {"regex": r"cluster\..*\.upstream_(cx_(connect|length)_ms|rq_per_cx)"}},
    {"safe_regex": {"regex": r"cluster\..*\.upstream_(flow_control|internal_redirect)_.*"}},
    {"safe_regex": {"regex": r"http2\..*"}},
]
"""Half of all that a scrape would bring each second; nobody reads it."""


def bootstrap(gateway: Gateway) -> Document:
    limit = "envoy.resource_monitors.global_downstream_max_connections"
    return {
        "node": {"id": "gateway", "cluster": "serving"},
        "admin": {"address": address(gateway.admin_port)},
        "dynamic_resources": {
            "lds_config": file_of(gateway.folder, LISTENERS),
            "cds_config": file_of(gateway.folder, CLUSTERS),
        },
        "stats_flush_interval": "1s",
        "stats_config": {
            "use_all_default_tags": True,
            "stats_matcher": {"exclusion_list": {"patterns": NOT_COUNTED}},
            **_buckets(gateway),
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": limit,
                    "typed_config": extension(
                        "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                        max_active_downstream_connections=CONNECTIONS,
                    ),
                }
            ]
        },
    }


def _buckets(gateway: Gateway) -> dict[str, Any]:
    times = {"match": {"suffix": "upstream_rq_time"}, "buckets": list(gateway.edges)}
    return {"histogram_bucket_settings": [times]} if gateway.edges else {}
