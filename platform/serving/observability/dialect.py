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
    """One series by name and label → regular expression, with `{model}` and `{namespace}` in it."""

    name: str
    labels: Mapping[str, str]

    def of(self, contract: ModelContract, suffix: str = "", **more: str) -> str:
        """The selector of one model's share."""
        matchers = [
            _matcher(label, pattern.format(model=contract.name, namespace=contract.namespace))
            for label, pattern in {**self.labels, **more}.items()
        ]
        return f"{self.name}{suffix}{{{','.join(matchers)}}}"


def _matcher(label: str, pattern: str) -> str:
    operator = "=" if re.fullmatch(r"[\w-]+", pattern) else "=~"
    return f"{label}{operator}{json.dumps(pattern)}"


@dataclass(frozen=True, kw_only=True)
class VersionSeries:
    """Where one version is told from the others."""

    requests: tuple[Series, ...]
    """Each once, as the version's own servers got it."""
    errors: tuple[Series, ...]
    """Of these, what they did not answer well, whoever helped out."""
    latency: Series
    """As callers met it: a classic histogram in milliseconds, without `_bucket`."""
    label: str
    """Of all these: `<model>-<version>`, and perhaps more."""
    pods: Mapping[str, str]
    """Labels of what the servers export themselves."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Each request counts once, as its caller met it: retries, mirrors and probes do not."""

    name: str
    requests: tuple[Series, ...]
    errors: tuple[Series, ...]
    """No request is in two of them."""
    latency: Series
    """A classic histogram in milliseconds, without `_bucket`."""
    versions: VersionSeries


GATEWAY_WORKLOAD: Final = "istio-ingressgateway"

_ISTIO: Final = {
    "reporter": "source",
    "source_workload": GATEWAY_WORKLOAD,
    "destination_service_namespace": "{namespace}",
    "destination_service_name": "{model}-[0-9]+",
}
_ISTIO_SERVER: Final = _ISTIO | {"reporter": "destination"}


def _istio_errors(where: Mapping[str, str]) -> tuple[Series, ...]:
    codes = "|".join(map(str, GRPC_FAILURES))
    failed = ({"response_code": "5.."}, {"response_code": "2..", "grpc_response_status": codes})
    return tuple(Series(name="istio_requests_total", labels={**where, **one}) for one in failed)


ISTIO: Final = Dialect(
    name="istio",
    requests=(Series(name="istio_requests_total", labels=_ISTIO),),
    errors=_istio_errors(_ISTIO),
    latency=Series(name="istio_request_duration_milliseconds", labels=_ISTIO),
    versions=VersionSeries(
        requests=(Series(name="istio_requests_total", labels=_ISTIO_SERVER),),
        errors=_istio_errors(_ISTIO_SERVER),
        latency=Series(name="istio_request_duration_milliseconds", labels=_ISTIO),
        label="destination_service_name",
        pods={"namespace": "{namespace}", "pod": "{model}-[0-9]+-[a-z0-9]+-[a-z0-9]+"},
    ),
)

_ROUTE: Final = {"envoy_virtual_host": "{model}"}
_ANSWERED, _FAILED = (
    # first tries alone: a retry goes to another cluster
    Series(
        name=f"envoy_cluster_endpoint_rq_{end}",
        labels={"envoy_cluster_name": "{model}-[0-9]+-pods"},
    )
    for end in ("success", "error")
)

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
    versions=VersionSeries(
        requests=(_ANSWERED, _FAILED),
        errors=(_FAILED,),
        latency=Series(
            name="envoy_cluster_upstream_rq_time", labels={"envoy_cluster_name": "{model}-[0-9]+"}
        ),
        label="envoy_cluster_name",
        pods={"pod": "{model}-[0-9]+-[0-9]+"},
    ),
)
