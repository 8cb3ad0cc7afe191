"""One line of JSON for each request: who asked which model, what came of it; no content."""

from __future__ import annotations

from typing import Any, Final

from serving.gateway.clusters import METADATA
from serving.gateway.documents import named
from serving.gateway.filters import CLAIMS, JWT

FIELDS: Final = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "authority": "%REQ(:AUTHORITY):80%",
    "model": f"%METADATA(ROUTE:{METADATA}:model)%",
    "call": f"%METADATA(ROUTE:{METADATA}:call)%",
    "method": "%REQ(:METHOD):16%",
    "path": "%PATH(NQ):128%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "grpc_status": "%GRPC_STATUS_NUMBER%",
    "flags": "%RESPONSE_FLAGS%",
    "detail": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "tenant": f"%DYNAMIC_METADATA({JWT}:{CLAIMS}:tenant)%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "server": "%UPSTREAM_HOST_NAME%",
    "version": f"%UPSTREAM_METADATA({METADATA}:version)%",
    "tries": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "trace": "%REQ(TRACEPARENT):55%",
}
"""Neither bodies nor query strings nor tokens: nothing that a person may have put in."""


MESH_FIELDS: Final = {
    name: source for name, source in FIELDS.items() if "METADATA" not in source
} | {"route": "%ROUTE_NAME%"}
"""The same where Istio makes the routes, which tells Envoy less of them."""


def access_log(path: str) -> dict[str, Any]:
    return named(
        "envoy.access_loggers.file",
        "access_loggers.file.v3.FileAccessLog",
        path=path,
        log_format={"json_format": FIELDS},
    )
