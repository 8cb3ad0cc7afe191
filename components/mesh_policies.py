"""What holds in the whole mesh: who may connect, what is logged, traced and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.addon import CustomObject

XDS_PORT: Final = 15012
PROXY_METRICS_PORT: Final = 15020

INJECTION: Final[Mapping[str, str]] = {"istio-injection": "enabled"}
"""Label of the namespaces whose pods join the mesh."""

ACCESS_LOG: Final = "access-log"
TRACES: Final = "traces"


@dataclass(frozen=True, kw_only=True)
class Tracing:
    service: str
    """Host that takes OTLP over gRPC."""
    port: int
    percentage: float
    """Of the requests that come without a decision of their caller's."""
    outside: bool = False
    """Whether the host is none of the cluster's."""


def mesh_config(access_log: Mapping[str, str], tracing: Tracing | None) -> dict[str, Any]:
    providers: list[dict[str, Any]] = [
        {
            "name": ACCESS_LOG,
            "envoyFileAccessLog": {
                "path": "/dev/stdout",
                "logFormat": {"labels": dict(access_log)},
            },
        }
    ]
    if tracing is not None:
        otlp = {"service": tracing.service, "port": tracing.port}
        providers.append({"name": TRACES, "opentelemetry": otlp})
    return {
        "extensionProviders": providers,
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        # A path that is written in two ways must not be two paths to a policy.
        "pathNormalization": {"normalization": "DECODE_AND_MERGE_SLASHES"},
        "defaultConfig": {"holdApplicationUntilProxyStarts": True},
    }


def policies(region: str, tracing: Tracing | None) -> Mapping[str, CustomObject]:
    """In the namespace of the control plane they hold for the whole mesh."""
    telemetry: dict[str, Any] = {"accessLogging": [{"providers": [{"name": ACCESS_LOG}]}]}
    if tracing is not None:
        sampling = {"randomSamplingPercentage": tracing.percentage}
        telemetry["tracing"] = [{"providers": [{"name": TRACES}], **sampling}]
    collector = {} if tracing is None or not tracing.outside else {"collector": _outside(tracing)}
    return {
        **collector,
        "strict-mtls": _security("PeerAuthentication", {"mtls": {"mode": "STRICT"}}),
        "default-deny": _security("AuthorizationPolicy", {}),
        "telemetry": CustomObject(
            api_version="telemetry.istio.io/v1", kind="Telemetry", spec=telemetry
        ),
        "aws": CustomObject(
            api_version="networking.istio.io/v1", kind="ServiceEntry", spec=aws_endpoints(region)
        ),
        "istiod": _monitor("ServiceMonitor", ISTIOD_MONITOR),
        "proxies": _monitor("PodMonitor", PROXY_MONITOR),
    }


def _outside(tracing: Tracing) -> CustomObject:
    return CustomObject(
        api_version="networking.istio.io/v1",
        kind="ServiceEntry",
        spec={
            "hosts": [tracing.service],
            "location": "MESH_EXTERNAL",
            "resolution": "DNS",
            "ports": [{"number": tracing.port, "name": "grpc", "protocol": "GRPC"}],
        },
    )


def _security(kind: str, spec: Mapping[str, Any]) -> CustomObject:
    return CustomObject(api_version="security.istio.io/v1", kind=kind, spec=spec)


def _monitor(kind: str, spec: Mapping[str, Any]) -> CustomObject:
    return CustomObject(api_version="monitoring.coreos.com/v1", kind=kind, spec=spec)


def aws_endpoints(region: str) -> dict[str, Any]:
    """All that a pod of the mesh may ask for outside of it; NetworkPolicies decide who may."""
    return {
        "hosts": [f"*.{region}.amazonaws.com"],
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
        "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
    }


ISTIOD_MONITOR: Final[Mapping[str, Any]] = {
    "selector": {"matchLabels": {"istio": "pilot"}},
    "endpoints": [{"port": "http-monitoring", "interval": "15s"}],
}
PROXY_MONITOR: Final[Mapping[str, Any]] = {
    "selector": {
        "matchExpressions": [{"key": "service.istio.io/canonical-name", "operator": "Exists"}]
    },
    "namespaceSelector": {"any": True},
    "podMetricsEndpoints": [
        {
            "port": "http-envoy-prom",
            "path": "/stats/prometheus",
            "interval": "15s",
            # The port that the proxy declares has its own metrics alone. This one, which only an
            # address can name, has those of the container beside it too.
            "relabelings": [
                {
                    "sourceLabels": ["__meta_kubernetes_pod_ip"],
                    "targetLabel": "__address__",
                    "replacement": f"$1:{PROXY_METRICS_PORT}",
                }
            ],
        }
    ],
}
