"""Each recording rule of a version against the real promtool, in both dialects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from serving.observability.dialect import ENVOY, ISTIO, Dialect
from serving.observability.rule_file import as_yaml, rule_file
from serving.observability.versions import version_rules
from tests.contracts import contract
from tests.live.test_alerts import promtool

pytestmark = pytest.mark.live

SCAN = contract("scan")
ISTIO_AT = (
    'source_workload="istio-ingressgateway",destination_service_namespace="tenant-radiology",'
    'destination_service_name="scan-{}"'
)
WHERE = {
    "envoy": ('envoy_cluster_name="scan-{}"', 'pod="scan-{}-1"'),
    "istio": (
        f'reporter="source",{ISTIO_AT}',
        'namespace="tenant-radiology",pod="scan-{}-6b7f-x2z9"',
    ),
}
"""Labels of what the gateway and of what the servers export, by version."""
LATENCY = {
    "envoy": "envoy_cluster_upstream_rq_time",
    "istio": "istio_request_duration_milliseconds",
}
HISTOGRAM = {"50": 50, "100": 90, "250": 98, "+Inf": 100}
"""Requests of a minute that took at most so many milliseconds."""


def counted(dialect: str, version: int, good: float, bad: float) -> Mapping[str, float]:
    if dialect == "envoy":
        at = f'envoy_cluster_name="scan-{version}-pods",envoy_endpoint_address="127.0.0.1:{{}}"'
        return {
            f"envoy_cluster_endpoint_rq_success{{{at.format(1)}}}": good / 2,
            f"envoy_cluster_endpoint_rq_success{{{at.format(2)}}}": good / 2,
            f"envoy_cluster_endpoint_rq_error{{{at.format(1)}}}": bad,
            # who takes over is nobody's
            f'envoy_cluster_endpoint_rq_error{{envoy_cluster_name="scan-{version}-failover"}}': 9,
        }
    at = f'reporter="destination",{ISTIO_AT.format(version)}'
    return {
        f'istio_requests_total{{{at},response_code="200"}}': good,
        f'istio_requests_total{{{at},response_code="503"}}': bad / 2,
        f'istio_requests_total{{{at},response_code="200",grpc_response_status="13"}}': bad / 2,
    }


def a_minute(dialect: str, version: int) -> Mapping[str, float]:
    """Of version 1, or of version 2, which fails a fifth and waits for a server."""
    gateway, pod = (labels.format(version) for labels in WHERE[dialect])
    good, bad, waited_ms = {1: (100, 0, 1), 2: (80, 20, 30)}[version]
    name = LATENCY[dialect]
    server = f'{pod},model="scan",version="{version}"'
    return {
        **counted(dialect, version, good, bad),
        **{f'{name}_bucket{{{gateway},le="{le}"}}': n for le, n in HISTOGRAM.items()},
        f"nv_inference_request_success{{{server}}}": 100,
        f"nv_inference_queue_duration_us{{{server}}}": 100 * 1000 * waited_ms,
    }


def gauges(dialect: str, version: int) -> Mapping[str, float]:
    server = f'{WHERE[dialect][1].format(version)},model="scan",version="{version}"'
    return {
        f"nv_inference_pending_request_count{{{server}}}": 6 * version,
        f'nv_inference_request_summary_us{{{server},quantile="0.99"}}': 5000 * version,
        f'nv_inference_request_summary_us{{{server},quantile="0.5"}}': 1,
    }


RECORDED: Mapping[str, Mapping[int, float]] = {
    "serving:version_requests:rate1m": {1: 100 / 60, 2: 100 / 60},
    "serving:version_requests:increase5m": {1: 500, 2: 500},
    "serving:version_requests_failed:increase5m": {1: 0, 2: 100},
    "serving:version_errors:ratio5m": {1: 0, 2: 0.2},
    "serving:version_latency_ms:p50_5m": {1: 50, 2: 50},
    "serving:version_latency_ms:p95_5m": {1: 193.75, 2: 193.75},
    "serving:version_latency_ms:p99_5m": {1: 250, 2: 250},
    "serving:version_waited_ms:increase5m": {1: 500, 2: 15_000},
    "serving:version_executed:increase5m": {1: 500, 2: 500},
    "serving:version_queue_ms:mean5m": {1: 1, 2: 30},
    "serving:version_pending:sum": {1: 6, 2: 12},
    "serving:version_part_ms:p99": {1: 5, 2: 10},
}


def assert_recorded(
    tmp_path: Path, dialect: Dialect, series: Mapping[str, str], expected: list[dict[str, Any]]
) -> None:
    (tmp_path / "rules.yaml").write_text(as_yaml(rule_file([SCAN], dialect)))
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "15s", "input_series": inputs, "promql_expr_test": expected}
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "test.yaml").write_text(as_yaml(whole))
    result = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert result.returncode == 0, result.stderr


def question(name: str, values: Mapping[int, float]) -> dict[str, Any]:
    part = ',part="scan"' if "part" in name else ""
    return {
        "expr": f"round({name}, 0.0001)",
        "eval_time": "10m",
        "exp_samples": [
            {
                "labels": f'{{model="scan",tenant="radiology",version="{version}"{part}}}',
                "value": round(value, 4),
            }
            for version, value in values.items()
        ],
    }


DIALECTS = pytest.mark.parametrize("dialect", [ISTIO, ENVOY], ids=lambda dialect: dialect.name)


@DIALECTS
def test_what_is_recorded_of_a_version_is_what_was_counted(
    tmp_path: Path, dialect: Dialect
) -> None:
    """OBS-4, OBS-5, OBS-7, OBS-9, OBS-10, OBS-11."""
    series = {}
    for version in (1, 2):
        for one, each_minute in a_minute(dialect.name, version).items():
            series[one] = f"0+{each_minute / 4}x40"
        for one, value in gauges(dialect.name, version).items():
            series[one] = f"{value}x40"
    expected = [question(name, values) for name, values in RECORDED.items()]
    assert_recorded(tmp_path, dialect, series, expected)


@DIALECTS
def test_without_traffic_there_are_counts_and_neither_quantiles_nor_ratios(
    tmp_path: Path, dialect: Dialect
) -> None:
    series = {one: "7x40" for one in a_minute(dialect.name, 1)}
    nothing = {
        name: ({1: 0.0} if "increase" in name or "rate" in name else {}) for name in RECORDED
    }
    expected = [question(name, values) for name, values in nothing.items()]
    assert_recorded(tmp_path, dialect, series, expected)


@DIALECTS
def test_every_rule_of_a_version_is_seen_recorded(dialect: Dialect) -> None:
    assert [name for name, _ in version_rules(SCAN, dialect)] == list(RECORDED)
