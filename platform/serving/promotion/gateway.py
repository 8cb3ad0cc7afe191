"""Where the gateway counts what it sent to one version: the series of Envoy and of Istio as data.

Envoy. Clusters are named by their statistics (`alt_stat_name`), so HTTP and gRPC share a name:

- `<model>-<version>`: what routes name; an aggregate of the next two. Counts each request once.
- `<model>-<version>-pods`: the version's own servers, with `per_endpoint_stats`. A retry goes to
  the other member (`previous_priorities`, one retry), so here is the first try and nothing else.
- `<model>-<version>-failover`: who takes over when those fail. Counted here, it is nobody's.
- `<model>-<version>-mirror`: the version's servers again, for mirrored requests alone.
- `<model>-<version>-aside`: once more, for what is no sample of its traffic: requests of callers
  who chose the version themselves, and questions that no model computes anything for.

Envoy probes each of the version's own servers by an inference, once for each protocol. It adds to
its histograms only each `stats_flush_interval`: it should be 1 s.

Istio. One Service by version, `<model>-<version>`. The gateway counts each request once; what a
server itself failed is counted by its own sidecar, try by try.

In both, all series of one server carry its name in the label `pod`, whoever exports them: what
Kubernetes calls it, or `<model>-<version>-<replica>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from serving.observability.dialect import GATEWAY_WORKLOAD, GRPC_FAILURES, Series

CALLERS_FAULT: Final = "1|3|5|6|7|9|10|11|16"
"""gRPC status codes that are neither success nor in GRPC_FAILURES."""
SERVICES_FAULT: Final = "|".join(map(str, GRPC_FAILURES))


@dataclass(frozen=True, slots=True)
class Term:
    series: Series
    sign: int = 1


Quantity: TypeAlias = tuple[Term, ...]
"""A sum of counters. A series that is missing counts nothing."""


@dataclass(frozen=True, kw_only=True)
class ArmSeries:
    requests: Quantity
    """Sent to the version, each once: no retries, probes or golden requests."""
    errors: Quantity
    """Of these, what the version's own servers did not answer well, whoever helped out."""
    latency: Series
    """A classic histogram in milliseconds, without `_bucket`."""
    pod_requests: Quantity
    pod_errors: Quantity
    pod_latency: Series | None
    """None where the gateway keeps no histogram by pod."""
    tries: Quantity
    """All that the gateway sent to the version's servers, mirrored requests included."""
    probes: Quantity
    """Inferences by which the gateway itself asks whether the servers still compute, answered."""
    helped: Quantity
    """Perhaps computed by these servers too: sent to whoever takes over from some version, or to
    them by a caller who chose the version."""
    answered: Quantity
    """Of `tries`, what they answered well."""
    pods: Mapping[str, str]
    """Labels of what the version's servers export themselves."""


class Gateway(Protocol):
    """The series of a version; of what is mirrored to it where that is all it gets."""

    def __call__(self, version: int, *, mirrored: bool = False) -> ArmSeries: ...


def envoy(version: int, *, mirrored: bool = False) -> ArmSeries:
    arm = f"{{model}}-{version}"
    own, failover, mirror = f"{arm}-pods", f"{arm}-failover", f"{arm}-mirror"
    asked, servers = (mirror, mirror) if mirrored else (arm, own)

    def count(what: str, cluster: str, sign: int = 1, **labels: str) -> Term:
        of = {"envoy_cluster_name": cluster, **labels}
        return Term(Series(name=f"envoy_cluster_{what}", labels=of), sign)

    pod_errors = (count("endpoint_rq_error", servers),)
    reached = f"{own}|{mirror}"
    # A try counts as sent once it has a connection. What went elsewhere and is no retry found none
    # of the own servers well.
    ends = ("total", "pending_failure_eject", "pending_overflow", "active_overflow")
    tries_elsewhere = (
        *(count(f"upstream_rq_{end}", failover) for end in ends),
        count("upstream_rq_retry", arm, -1),
    )
    # Envoy ends a copy that takes too long, and counts it nowhere else
    given_up = (count("upstream_rq_max_duration_reached", mirror),) if mirrored else ()
    return ArmSeries(
        requests=(count("upstream_rq_completed", asked), *given_up),
        errors=(
            *pod_errors,
            *given_up,
            count("upstream_cx_none_healthy", asked),
            count("upstream_rq_pending_overflow", servers),
            count("grpc_8", asked),  # a 429 to the endpoint's own counters
            *(() if mirrored else tries_elsewhere),
        ),
        latency=Series(name="envoy_cluster_upstream_rq_time", labels={"envoy_cluster_name": asked}),
        pod_requests=(count("endpoint_rq_success", servers), *pod_errors),
        pod_errors=pod_errors,
        pod_latency=None,
        tries=(count("upstream_rq_total", reached),),
        probes=(
            count("health_check_attempt", own),
            count("health_check_network_failure", own, -1),  # refused, reset or timed out
        ),
        helped=(count("upstream_rq_total", f"{{model}}-[0-9]+-failover|{arm}-aside"),),
        answered=(
            count("endpoint_rq_success", reached),
            count("upstream_rq_xx", f"{arm}|{mirror}", -1, envoy_response_code_class="4"),
            Term(
                Series(
                    name="",
                    labels={
                        "__name__": f"envoy_cluster_grpc_({CALLERS_FAULT})",
                        "envoy_cluster_name": f"{arm}|{mirror}",
                    },
                ),
                -1,
            ),
        ),
        pods={"pod": f"{arm}-[0-9]+"},
    )


def istio(version: int, *, mirrored: bool = False) -> ArmSeries:
    gateway = {
        "source_workload": GATEWAY_WORKLOAD,
        "destination_service_namespace": "{namespace}",
        "destination_service_name": f"{{model}}-{version}",
    }
    at_server = {"reporter": "destination", **gateway}
    at_gateway = at_server if mirrored else {"reporter": "source", **gateway}

    def count(where: Mapping[str, str], **labels: str) -> Term:
        return Term(Series(name="istio_requests_total", labels={**where, **labels}))

    pod_errors = (
        count(at_server, response_code="5.."),
        count(at_server, response_code="2..", grpc_response_status=SERVICES_FAULT),
    )
    # Answers that the gateway made itself carry a flag; without one, or with URX alone, the last
    # try's own failure is what the caller got, and the sidecar has counted it.
    made_by_gateway = count(
        at_gateway, response_code="5..", response_flags="UR(,.*)?|U[^R].*|[^U].+"
    )
    duration = "istio_request_duration_milliseconds"
    return ArmSeries(
        requests=(count(at_gateway),),
        errors=pod_errors if mirrored else (*pod_errors, made_by_gateway),
        latency=Series(name=duration, labels=at_gateway),
        pod_requests=(count(at_server),),
        pod_errors=pod_errors,
        pod_latency=Series(name=duration, labels=at_server),
        tries=(count(at_server),),
        probes=(),
        helped=(),
        answered=(count(at_server, response_code="2..", grpc_response_status="|0"),),
        pods={"namespace": "{namespace}", "pod": f"{{model}}-{version}-[a-z0-9]+-[a-z0-9]+"},
    )
