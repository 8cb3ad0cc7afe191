"""Clusters: the servers of each version, once for each way that requests come to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from serving.gateway import names
from serving.gateway.calls import Protocol, calls
from serving.gateway.documents import (
    CLUSTER,
    Document,
    address,
    document,
    extension,
    named,
    seconds,
)
from serving.gateway.keys import issuer
from serving.gateway.limits import timeouts
from serving.gateway.names import SERVED_VERSION, Role
from serving.gateway.probe import health_check
from serving.gateway.table import Gateway, RemoteKeys, Served, Server
from serving.gateway.tracing import collector

METADATA: Final = "serving"
"""Where an endpoint carries its version."""

CANARY_RETRIES: Final = 200
"""At once. They go to other servers than those that fail, so they make nothing worse; Envoy's
default of 3 loses requests when a version's servers die."""
STABLE_RETRIES: Final = 20
"""Percent of what is under way: these go to the servers that fail already."""
MIRRORED: Final = 64
"""Copies under way at once; of a version that hangs, all others are dropped."""

GATEWAY_FAILURES: Final = 5
"""In a row: refused, reset or timed out. A model's own errors put no server out, or one caller
with bad inputs could."""
EJECTION: Final = "10s"

_BY_SERVER: Final = {"track_cluster_stats": {"per_endpoint_stats": True}}

_ANY_IS_ENOUGH: Final = 100_000
"""Percent by which a healthy share counts for more: no traffic leaves a version before its last
server has failed."""


def clusters(gateway: Gateway) -> Document:
    models = [one for served in gateway.served for one in _of_model(served)]
    return document(CLUSTER, [*models, *_of_gateway(gateway)])


def _of_gateway(gateway: Gateway) -> Iterator[dict[str, Any]]:
    if isinstance(gateway.jwks, RemoteKeys):
        yield issuer(gateway.jwks)
    if gateway.traces:
        yield collector(gateway.traces)


def _of_model(served: Served) -> Iterator[dict[str, Any]]:
    for protocol in sorted({call.protocol for call in calls(served.contract)}, reverse=True):
        for version in served.versions:
            yield from _of_version(served, version, protocol)


def _of_version(served: Served, version: int, protocol: Protocol) -> Iterator[dict[str, Any]]:
    own, stable = served.servers[version], served.release.stable
    others = served.servers[stable] if stable is not None else own
    is_stable = stable == version

    def servers(role: Role, of: Sequence[Server], its: int, **more: Any) -> dict[str, Any]:
        return _servers(served, version, role, protocol, of, its) | more

    yield _either(served, version, protocol, is_stable=is_stable)
    yield servers(
        "pods",
        own,
        version,
        **_BY_SERVER,
        health_checks=[health_check(served.contract, version)],
        outlier_detection=_outliers(50 if is_stable else 100),
    )
    yield servers("failover", others, version if stable is None else stable)
    yield servers("aside", own, version)
    copied = any(call.kind == "infer" for call in calls(served.contract))
    if copied and version == served.shadow:
        # nothing else ends a copy: a route's times are not those of its copies
        ends = {"max_stream_duration": seconds(timeouts(served.contract).whole)}
        yield servers(
            "mirror",
            own,
            version,
            **_BY_SERVER,
            circuit_breakers=_at_most(max_requests=MIRRORED),
            typed_extension_protocol_options=_protocol_options(protocol, **ends),
        )


def _either(served: Served, version: int, protocol: Protocol, *, is_stable: bool) -> dict[str, Any]:
    roles: tuple[Role, ...] = ("pods", "failover")
    members = [names.cluster(served.name, version, role, protocol=protocol) for role in roles]
    retries: dict[str, Any] = {"max_retries": CANARY_RETRIES}
    if is_stable:
        retries = {"retry_budget": {"budget_percent": {"value": STABLE_RETRIES}}}
    return {
        "name": names.cluster(served.name, version, protocol=protocol),
        "alt_stat_name": names.statistics(served.name, version),
        "connect_timeout": "1s",
        "lb_policy": "CLUSTER_PROVIDED",
        "typed_extension_protocol_options": _protocol_options(protocol),
        "circuit_breakers": _at_most(**retries),
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": extension("clusters.aggregate.v3.ClusterConfig", clusters=members),
        },
    }


def _servers(
    served: Served,
    version: int,
    role: Role,
    protocol: Protocol,
    servers: Sequence[Server],
    theirs: int,
) -> dict[str, Any]:
    name = names.cluster(served.name, version, role, protocol=protocol)
    return {
        "name": name,
        "alt_stat_name": names.statistics(served.name, version, role),
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "typed_extension_protocol_options": _protocol_options(protocol),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_endpoint(one, theirs, protocol) for one in servers]}],
            "policy": {"overprovisioning_factor": _ANY_IS_ENOUGH},
        },
    }


def _endpoint(server: Server, version: int, protocol: Protocol) -> dict[str, Any]:
    port = server.grpc_port if protocol == "grpc" else server.http_port
    return {
        "endpoint": {
            "address": address(port),
            "hostname": server.name,
            "health_check_config": {"port_value": server.http_port},
        },
        "metadata": {"filter_metadata": {METADATA: {"version": str(version)}}},
    }


def _protocol_options(protocol: Protocol, **limits: str) -> dict[str, Any]:
    kind = "upstreams.http.v3.HttpProtocolOptions"
    options = {"http": "http_protocol_options", "grpc": "http2_protocol_options"}
    return {
        f"envoy.extensions.{kind}": extension(
            kind,
            explicit_http_config={options[protocol]: {}},
            common_http_protocol_options={"idle_timeout": "60s", **limits},
            http_filters=[_telling_the_version(), _codec()],
        )
    }


def _telling_the_version() -> dict[str, Any]:
    """Added where answers come in: where they go out, Envoy's own would have it too."""
    header = {"key": SERVED_VERSION, "value": f"%UPSTREAM_METADATA({METADATA}:version)%"}
    mutation = {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    return named(
        "envoy.filters.http.header_mutation",
        "filters.http.header_mutation.v3.HeaderMutation",
        mutations={"response_mutations": [mutation]},
    )


def _codec() -> dict[str, Any]:
    return named(
        "envoy.filters.http.upstream_codec", "filters.http.upstream_codec.v3.UpstreamCodec"
    )


def _at_most(**limits: Any) -> dict[str, Any]:
    return {"thresholds": [limits]}


def _outliers(largest_share: int) -> dict[str, Any]:
    return {
        "interval": "1s",
        "base_ejection_time": EJECTION,
        "max_ejection_percent": largest_share,
        "consecutive_gateway_failure": GATEWAY_FAILURES,
        "enforcing_consecutive_gateway_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_success_rate": 0,
    }
