"""Every alert against the real promtool, in both dialects: when it fires and when it is silent."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pytest

from serving.observability.alerts import alerts
from serving.observability.dialect import ENVOY, ISTIO, Dialect
from serving.observability.rule_file import as_yaml, rule_file
from serving.toolchain import locate
from tests.contracts import contract

pytestmark = pytest.mark.live

SCAN = contract("scan")
"""99 % within 250 ms, at most 0.1 % failed, 20 ms in the queue."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """So many minutes of so many requests a minute."""

    minutes: int
    http: float = 0
    http_failed: float = 0
    http_refused: float = 0
    grpc: float = 0
    grpc_failed: float = 0
    grpc_refused: float = 0
    slow: float = 0
    executed: float = 0
    waited_ms: float = 0
    """Each of `executed`, on average."""

    @property
    def answered(self) -> float:
        return self.http + self.http_failed + self.http_refused + self.grpc + self.grpc_failed


LONG = 400
FAST, SLOW = "BudgetBurnsFast", "BudgetBurnsSlow"

SCENARIOS: dict[str, tuple[list[Stretch], set[str]]] = {
    "healthy": ([Stretch(minutes=LONG, http=600, grpc=600, http_failed=0.5, slow=10)], set()),
    "no traffic": ([Stretch(minutes=LONG)], set()),
    "errors burn fast": (
        [Stretch(minutes=90, http=600, http_failed=20)],
        {f"Error{FAST}", f"Error{SLOW}"},
    ),
    "gRPC errors burn fast": (
        [Stretch(minutes=90, grpc=600, grpc_failed=20)],
        {f"Error{FAST}", f"Error{SLOW}"},
    ),
    "errors burn slowly": ([Stretch(minutes=LONG, http=600, http_failed=5)], {f"Error{SLOW}"}),
    "errors burn too little to matter": (
        [Stretch(minutes=LONG, http=600, http_failed=2)],
        set(),
    ),
    "errors stopped ten minutes ago": (
        [Stretch(minutes=390, http=600), Stretch(minutes=60, http=600, http_failed=40),
         Stretch(minutes=10, http=600)],
        {f"Error{SLOW}"},
    ),
    "errors stopped an hour ago": (
        [Stretch(minutes=390, http=600), Stretch(minutes=60, http=600, http_failed=40),
         Stretch(minutes=60, http=600)],
        set(),
    ),
    "few requests, some of which failed": (
        [Stretch(minutes=LONG, http=0.4, http_failed=0.02)],
        set(),
    ),
    "a failure over gRPC counts once": (
        [Stretch(minutes=LONG, grpc=600, grpc_failed=2.4)],
        set(),
    ),
    "what callers did wrong": (
        [Stretch(minutes=LONG, http=600, http_refused=60, grpc=600, grpc_refused=60)],
        set(),
    ),
    "slow answers burn fast": (
        [Stretch(minutes=90, http=600, slow=120)],
        {f"Latency{FAST}", f"Latency{SLOW}"},
    ),
    "slow answers burn slowly": ([Stretch(minutes=LONG, http=600, slow=60)], {f"Latency{SLOW}"}),
    "as slow as a p99 lets it be": ([Stretch(minutes=LONG, http=600, slow=6)], set()),
    "few requests, one of which was slow": (
        [Stretch(minutes=LONG, http=0.2, slow=0.02)],
        set(),
    ),
    "requests wait too long": (
        [Stretch(minutes=30, executed=600, waited_ms=21)],
        {"QueueTooLong"},
    ),
    "requests wait as long as promised": (
        [Stretch(minutes=30, executed=600, waited_ms=20)],
        set(),
    ),
    "few requests, which waited": ([Stretch(minutes=30, executed=1, waited_ms=500)], set()),
    "requests waited ten minutes ago": (
        [Stretch(minutes=30, executed=600, waited_ms=500), Stretch(minutes=10, executed=600)],
        set(),
    ),
}  # fmt: skip


def istio(stretches: list[Stretch], le: str) -> Iterable[tuple[str, list[float]]]:
    where = (
        'reporter="source",source_workload="istio-ingressgateway",'
        'destination_service_namespace="tenant-radiology",destination_service_name="scan-1"'
    )
    counted = {
        'response_code="200"': "http",
        'response_code="503"': "http_failed",
        'response_code="400"': "http_refused",
        'response_code="200",grpc_response_status="0"': "grpc",
        'response_code="200",grpc_response_status="13"': "grpc_failed",
        'response_code="200",grpc_response_status="3"': "grpc_refused",
    }
    for labels, kind in counted.items():
        yield f"istio_requests_total{{{where},{labels}}}", [getattr(s, kind) for s in stretches]
    name = "istio_request_duration_milliseconds"
    yield f"{name}_count{{{where}}}", [s.answered for s in stretches]
    yield f'{name}_bucket{{{where},le="{le}"}}', [s.answered - s.slow for s in stretches]


def envoy(stretches: list[Stretch], le: str) -> Iterable[tuple[str, list[float]]]:
    def code(route: str, digit: int) -> str:
        return (
            f'envoy_vhost_route_upstream_rq_xx{{envoy_virtual_host="scan",envoy_route="{route}",'
            f'envoy_response_code_class="{digit}"}}'
        )

    yield code("http", 2), [s.http for s in stretches]
    yield code("http", 4), [s.http_refused for s in stretches]
    yield code("http", 5), [s.http_failed for s in stretches]
    yield code("grpc", 2), [s.grpc + s.grpc_refused for s in stretches]
    yield code("grpc", 5), [s.grpc_failed for s in stretches]
    yield 'envoy_cluster_grpc_14{envoy_cluster_name="scan-1"}', [s.grpc_failed for s in stretches]
    yield 'envoy_cluster_grpc_3{envoy_cluster_name="scan-1"}', [s.grpc_refused for s in stretches]
    name, where = "envoy_vhost_route_upstream_rq_time", 'envoy_virtual_host="scan"'
    yield f"{name}_count{{{where}}}", [s.answered for s in stretches]
    yield f'{name}_bucket{{{where},le="{le}"}}', [s.answered - s.slow for s in stretches]


def triton(stretches: list[Stretch], pod: str) -> Iterable[tuple[str, list[float]]]:
    where = f'{{{pod},model="scan",version="1"}}'
    yield f"nv_inference_request_success{where}", [s.executed for s in stretches]
    waited = [1000 * s.executed * s.waited_ms for s in stretches]
    yield f"nv_inference_queue_duration_us{where}", waited


GATEWAYS = {
    "istio": (ISTIO, istio, 'namespace="tenant-radiology",pod="scan-1-6b7f-x2z9"'),
    "envoy": (ENVOY, envoy, 'pod="scan-1-1"'),
}


def assert_firing(
    tmp_path: Path, gateway: str, stretches: list[Stretch], expected: set[str], le: str = "250"
) -> None:
    """These alerts and no others fire at the end."""
    dialect, series_of, pod = GATEWAYS[gateway]
    (tmp_path / "rules.yaml").write_text(as_yaml(rule_file([SCAN], dialect)))
    minutes = [at for at, stretch in enumerate(stretches) for _ in range(stretch.minutes)]
    series = []
    for name, rates in [*series_of(stretches, le), *triton(stretches, pod)]:
        counter = accumulate((rates[at] for at in minutes), initial=0)
        series.append({"series": name, "values": " ".join(map(str, counter))})
    question = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{len(minutes)}m",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected],
    }
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [question]}
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "5m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(as_yaml(whole))
    result = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert result.returncode == 0, result.stderr


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = locate("promtool").command(*arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_alerts_fire_when_a_budget_burns_and_at_no_other_time(
    tmp_path: Path, scenario: str, gateway: str
) -> None:
    stretches, expected = SCENARIOS[scenario]
    assert_firing(tmp_path, gateway, stretches, expected)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_an_edge_may_be_spelled_as_prometheus_3_does(tmp_path: Path, gateway: str) -> None:
    slow = [Stretch(minutes=90, http=600, slow=120)]
    assert_firing(tmp_path, gateway, slow, {f"Latency{FAST}", f"Latency{SLOW}"}, le="250.0")


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_histogram_without_the_edge_is_an_alert_of_its_own(tmp_path: Path, gateway: str) -> None:
    assert_firing(
        tmp_path, gateway, [Stretch(minutes=90, http=600)], {"LatencyUnmeasured"}, le="300"
    )


def test_every_alert_is_seen_firing() -> None:
    seen = {"LatencyUnmeasured"}.union(*(expected for _, expected in SCENARIOS.values()))
    assert {alert["alert"] for alert in alerts(SCAN)} == seen


@pytest.mark.parametrize("dialect", [ISTIO, ENVOY], ids=lambda dialect: dialect.name)
def test_the_rules_of_all_models_are_sound(tmp_path: Path, dialect: Dialect) -> None:
    file = tmp_path / "rules.yaml"
    models = [contract(name) for name in ("scan", "forms", "writer", "forest")]
    file.write_text(as_yaml(rule_file(models, dialect)))
    result = promtool("check", "rules", str(file))
    assert result.returncode == 0, result.stderr
    assert "SUCCESS" in result.stdout
