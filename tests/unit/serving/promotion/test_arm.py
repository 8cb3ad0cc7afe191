"""One arm from raw samples: Istio's series, and what servers say about GPUs and restarts."""

from __future__ import annotations

import pytest

from serving.promotion.arm import Side, measured
from serving.promotion.gateway import Gateway, envoy, istio
from serving.promotion.measurement import Arm, Gpu
from serving.promotion.scrape import Scrape
from tests.exporters import Exporters
from tests.unit.serving.contract.contracts import DIGITS, JUDGE, sound, with_change

POD = "digits-2-7c9f-x2x4z"
GATEWAY = {
    "job": "gateway", "instance": "gateway", "reporter": "source",
    "source_workload": "istio-ingressgateway", "destination_service_namespace": "tenant-vision",
    "destination_service_name": "digits-2",
}  # fmt: skip
SERVER = {**GATEWAY, "job": "sidecar", "instance": POD, "reporter": "destination", "pod": POD}
KUBERNETES = {"job": "kube", "instance": "kube", "namespace": "tenant-vision", "pod": POD}
OK = {"response_code": "200", "response_flags": "-", "grpc_response_status": ""}


def arm(
    exporters: Exporters, gateway: Gateway = istio, text: str = DIGITS, *, mirrored: bool = False
) -> Arm:
    """Of version 2, in the window from 0 to 15."""
    exporters.scrape(15.0)
    side = Side.of(sound(text), 2, gateway, mirrored=mirrored)
    series = {selector: exporters.select(selector, -60, 15) for selector in side.selectors}
    return measured(side, Scrape(series=series, since=0.0, until=15.0, interval=15.0))


def started() -> Exporters:
    """Both ends have been scraped before the window."""
    exporters = Exporters()
    exporters.count("istio_requests_total", 1000, **GATEWAY, **OK)
    exporters.count("istio_requests_total", 1000, **SERVER, **OK)
    exporters.scrape(0.0)
    return exporters


@pytest.mark.parametrize(
    ("at_gateway", "at_server", "errors"),
    [
        (OK, OK, 0),
        (OK | {"response_code": "404"}, OK | {"response_code": "404"}, 0),
        (OK | {"response_code": "500"}, OK | {"response_code": "500"}, 7),
        (OK | {"grpc_response_status": "13"}, OK | {"grpc_response_status": "13"}, 7),
        (OK | {"grpc_response_status": "3"}, OK | {"grpc_response_status": "3"}, 0),
        (OK | {"response_code": "503", "response_flags": "UF"}, None, 7),
        (OK | {"response_code": "503", "response_flags": "UH"}, None, 7),
        (OK | {"response_code": "503", "response_flags": "UF,URX"}, None, 7),
        (OK | {"response_code": "503", "response_flags": "UR"}, None, 7),
        (OK | {"response_code": "504", "response_flags": "UT"}, None, 7),
        (
            OK | {"response_code": "503", "response_flags": "URX"},
            OK | {"response_code": "503"},
            7,
        ),
        (OK, OK | {"response_code": "503"}, 7),
    ],
    ids=[
        "fine", "not found", "internal error", "gRPC internal", "gRPC invalid", "no connection",
        "no healthy pod", "no connection, twice", "reset", "too slow", "failed, twice",
        "made good by a retry",
    ],
)  # fmt: skip
def test_a_failure_counts_once_whoever_reports_it(
    at_gateway: dict[str, str], at_server: dict[str, str] | None, errors: int
) -> None:
    exporters = started()
    exporters.count("istio_requests_total", 7, **GATEWAY, **at_gateway)
    if at_server:
        exporters.count("istio_requests_total", 7, **SERVER, **at_server)
    found = arm(exporters)
    assert (found.counts.requests, found.counts.errors) == (7, errors)
    if at_server:
        assert found.pods[POD].requests == 7


def test_other_callers_of_the_same_service_are_not_counted() -> None:
    exporters = started()
    exporters.count("istio_requests_total", 9, **SERVER | {"source_workload": "promoter"}, **OK)
    assert arm(exporters).counts.requests == 0
    assert arm(started(), mirrored=True).counts.requests == 0


def test_mirrored_requests_are_counted_by_the_server() -> None:
    exporters = started()
    exporters.count("istio_requests_total", 9, **SERVER, **OK)
    assert arm(exporters, mirrored=True).counts.requests == 9


def test_latencies_are_known_by_pod() -> None:
    exporters = started()
    exporters.count("istio_requests_total", 4, **SERVER, **OK)
    name = "istio_request_duration_milliseconds_bucket"
    for le, count in (("250", 3), ("+Inf", 4)):
        exporters.count(name, count, **SERVER, **OK, le=le)
    edges = sound(DIGITS).observability.latency_edges_ms
    assert arm(exporters).pods[POD].slower[edges.index(250)] == 1


@pytest.mark.parametrize("sharing", ["none", "time-slicing"])
def test_gpus_are_told_with_their_memory(sharing: str) -> None:
    exporters = Exporters()
    labels = {"job": "triton", "instance": "a", "pod": "digits-2-0"}
    for uuid, used in (("GPU-1", 3.0), ("GPU-2", 4.0)):
        exporters.gauge("nv_gpu_memory_used_bytes", used, gpu_uuid=uuid, **labels)
        exporters.gauge("nv_gpu_memory_total_bytes", 10.0, gpu_uuid=uuid, **labels)
    exporters.gauge("nv_gpu_utilization", 0.9, gpu_uuid="GPU-1", **labels)
    contract = with_change(DIGITS, "workload: standard", "workload: small")
    contract = with_change(contract, "gpus: 1,", f"gpus: 1, sharing: {sharing},")
    shared = sharing == "time-slicing"
    assert arm(exporters, envoy, contract).gpus == (
        Gpu(uuid="GPU-1", used_bytes=3, total_bytes=10, utilization=0.9, shared=shared),
        Gpu(uuid="GPU-2", used_bytes=4, total_bytes=10, utilization=0.0, shared=shared),
    )


@pytest.mark.parametrize(("restarts", "reason", "killed"), [(1, 1.0, 1), (0, 1.0, 0), (2, 0.0, 0)])
def test_a_restart_for_lack_of_memory_is_told_once(
    restarts: int, reason: float, killed: int
) -> None:
    exporters = Exporters()
    exporters.count("kube_pod_container_status_restarts_total", 5, **KUBERNETES)
    exporters.scrape(0.0)
    exporters.count("kube_pod_container_status_restarts_total", restarts, **KUBERNETES)
    exporters.gauge(
        "kube_pod_container_status_last_terminated_reason",
        reason,
        reason="OOMKilled",
        **KUBERNETES,
    )
    found = arm(exporters)
    assert (found.restarts, found.out_of_memory) == (restarts, killed)


def test_an_xid_is_told_when_it_is_new() -> None:
    exporters = Exporters()
    labels = {
        "job": "dcgm", "instance": "dcgm",
        "exported_namespace": "tenant-vision", "exported_pod": POD,
    }  # fmt: skip
    exporters.gauge("DCGM_FI_DEV_XID_ERRORS", 31, gpu="0", **labels)
    exporters.gauge("DCGM_FI_DEV_XID_ERRORS", 0, gpu="1", **labels)
    exporters.scrape(0.0)
    exporters.gauge("DCGM_FI_DEV_XID_ERRORS", 79, gpu="1", **labels)
    assert arm(exporters).xids == (79,)


def test_a_server_other_than_triton_has_only_the_gateways_counts() -> None:
    exporters = Exporters()
    exporters.count(
        "envoy_cluster_upstream_rq_completed",
        0,
        envoy_cluster_name="judge-2",
        job="e",
        instance="e",
    )
    exporters.scrape(0.0)
    exporters.count(
        "envoy_cluster_upstream_rq_completed",
        3,
        envoy_cluster_name="judge-2",
        job="e",
        instance="e",
    )
    found = arm(exporters, envoy, JUDGE)
    assert (found.counts.requests, found.counts.served, found.pending) == (3, 0, None)
