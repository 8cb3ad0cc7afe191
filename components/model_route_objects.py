"""Who may ask a model, how much, and how its versions' servers are asked, in Istio's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.addon import CustomObject
from components.gateway import NAMESPACE
from components.gateway_objects import HTTPS_PORT, SELECTOR, WORKLOAD
from components.gateway_tokens import BUFFER, CLAIM, typed
from components.model_route_args import ModelRouteArgs
from components.model_route_http import PORTS

RETRIES: Final = 200
"""At once; Envoy's default of 3 loses requests when a server dies."""
REQUESTS: Final = 1024
"""Under way at one version from one proxy; over HTTP/1.1, those that wait for a connection."""


def destination_rule(args: ModelRouteArgs, version: int) -> CustomObject:
    """Of whoever finds it, which is the gateway."""
    http = {
        "http1MaxPendingRequests": REQUESTS,
        "http2MaxRequests": REQUESTS,
        "maxRetries": RETRIES,
        "idleTimeout": "60s",
    }
    outliers = {
        # A model's own errors put no server out, or one caller with bad inputs could.
        "consecutive5xxErrors": 0,
        "consecutiveGatewayErrors": 5,
        "interval": "1s",
        "baseEjectionTime": "10s",
        "maxEjectionPercent": 50,
    }
    return CustomObject(
        api_version="networking.istio.io/v1",
        kind="DestinationRule",
        spec={
            "host": args.service(version),
            "exportTo": [NAMESPACE],
            "trafficPolicy": {
                "tls": {"mode": "ISTIO_MUTUAL"},
                "loadBalancer": {"simple": "LEAST_REQUEST"},
                "connectionPool": {"tcp": {"connectTimeout": "1s"}, "http": http},
                "outlierDetection": outliers,
            },
        },
    )


def callers(args: ModelRouteArgs) -> CustomObject:
    """At the gateway. Some callers name the port as well; upper and lower case are one to both the
    policy and the route."""
    source = {"requestPrincipals": [f"{args.issuer}/*"]}
    hosts = {"hosts": [args.host, f"{args.host}:*"], "ports": [str(HTTPS_PORT)]}
    claim = {"key": f"request.auth.claims[{CLAIM}]", "values": [args.tenant]}
    return _allow(SELECTOR, source, [hosts], [claim])


def askers(args: ModelRouteArgs) -> CustomObject:
    """At the pods: nobody but the gateway, and nothing but what is offered."""
    paths: dict[tuple[str, str], list[str]] = {}
    for offer in args.offers:
        paths.setdefault((offer.protocol, offer.method), []).append(offer.path)
    offered = [
        {"ports": [str(PORTS[protocol])], "methods": [method], "paths": found}
        for (protocol, method), found in paths.items()
    ]
    source = {"principals": [f"cluster.local/ns/{NAMESPACE}/sa/{WORKLOAD}"]}
    return _allow({"app.kubernetes.io/name": args.model}, source, offered)


def body_limit(args: ModelRouteArgs) -> CustomObject:
    host = f"{args.host}:{HTTPS_PORT}"
    bounded = {"buffer": {"max_request_bytes": args.body_bytes}}
    patches = [_buffered("VIRTUAL_HOST", {"name": host}, bounded)]
    for offer in args.offers:
        if (offer.kind, offer.protocol) == ("stream", "grpc"):
            found = {"name": host, "route": {"name": offer.name}}
            patches.append(_buffered("HTTP_ROUTE", found, {"disabled": True}))
    return CustomObject(
        api_version="networking.istio.io/v1alpha3",
        kind="EnvoyFilter",
        spec={"workloadSelector": {"labels": dict(SELECTOR)}, "configPatches": patches},
    )


def _buffered(kind: str, host: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    buffer = typed("filters.http.buffer.v3.BufferPerRoute", **fields)
    return {
        "applyTo": kind,
        "match": {"context": "GATEWAY", "routeConfiguration": {"vhost": dict(host)}},
        "patch": {"operation": "MERGE", "value": {"typed_per_filter_config": {BUFFER: buffer}}},
    }


def _allow(
    pods: Mapping[str, str],
    source: Mapping[str, Any],
    operations: Sequence[Mapping[str, Any]],
    conditions: Sequence[Mapping[str, Any]] = (),
) -> CustomObject:
    rule: dict[str, Any] = {
        "from": [{"source": dict(source)}],
        "to": [{"operation": dict(each)} for each in operations],
    }
    if conditions:
        rule["when"] = [dict(each) for each in conditions]
    return CustomObject(
        api_version="security.istio.io/v1",
        kind="AuthorizationPolicy",
        spec={"selector": {"matchLabels": dict(pods)}, "action": "ALLOW", "rules": [rule]},
    )
