"""Where each gateway counts what callers met: the series and labels of Istio and of Envoy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serving.contract.model import ModelContract

GRPC_FAILURES: Final = (2, 4, 8, 12, 13, 14, 15)
"""Status codes that are the service's fault; gRPC sends them with HTTP 200."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series by name and label → regular expression; `{model}` and `{tenant}` are filled in."""

    name: str
    labels: Mapping[str, str]

    def of(self, contract: ModelContract, suffix: str = "", **more: str) -> str:
        """The selector of one model's share."""
        matchers = [
            _matcher(label, pattern.format(model=contract.name, tenant=contract.tenant))
            for label, pattern in {**self.labels, **more}.items()
        ]
        return f"{self.name}{suffix}{{{','.join(matchers)}}}"


def _matcher(label: str, pattern: str) -> str:
    operator = "=" if re.fullmatch(r"[\w-]+", pattern) else "=~"
    return f"{label}{operator}{json.dumps(pattern)}"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Each request counts once, as its caller met it: retries, mirrors and probes do not."""

    name: str
    requests: tuple[Series, ...]
    errors: tuple[Series, ...]
    """No request is in two of them."""
    latency: Series
    """A classic histogram in milliseconds, without `_bucket`."""


GATEWAY_WORKLOAD: Final = "istio-ingressgateway"

_ISTIO: Final = {
    "reporter": "source",
    "source_workload": GATEWAY_WORKLOAD,
    "destination_service_namespace": "{tenant}",
    "destination_service_name": "{model}-[0-9]+",
}

ISTIO: Final = Dialect(
    name="istio",
    requests=(Series(name="istio_requests_total", labels=_ISTIO),),
    errors=(
        Series(name="istio_requests_total", labels=_ISTIO | {"response_code": "5.."}),
        Series(
            name="istio_requests_total",
            labels=_ISTIO
            | {"response_code": "2..", "grpc_response_status": "|".join(map(str, GRPC_FAILURES))},
        ),
    ),
    latency=Series(name="istio_request_duration_milliseconds", labels=_ISTIO),
)

_ROUTE: Final = {"envoy_virtual_host": "{model}"}

ENVOY: Final = Dialect(
    # The virtual host is the model; its routes have the `stat_prefix` http or grpc. A gRPC answer
    # that the gateway makes itself is a 503 to the route, so gRPC is counted by `grpc_stats` alone.
    name="envoy",
    requests=(Series(name="envoy_vhost_route_upstream_rq_xx", labels=_ROUTE),),
    errors=(
        Series(
            name="envoy_vhost_route_upstream_rq_xx",
            labels=_ROUTE | {"envoy_route": "http", "envoy_response_code_class": "5"},
        ),
        *(
            Series(
                name=f"envoy_cluster_grpc_{code}",
                labels={"envoy_cluster_name": "{model}-[0-9]+"},
            )
            for code in GRPC_FAILURES
        ),
    ),
    latency=Series(name="envoy_vhost_route_upstream_rq_time", labels=_ROUTE),
)
