"""Windows from scripted exporters: what is counted, and what stands against judging it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

import pytest

from serving.errors import InputError, ServingError
from serving.promotion.gateway import envoy
from serving.promotion.increments import Raw
from serving.promotion.measurement import Window
from serving.promotion.metrics import LAG_SECONDS, PrometheusMetrics
from serving.promotion.prometheus import Answer, Failed, Prometheus
from serving.promotion.tally import Subject, Tally
from tests.exporters import GATEWAY, INTERVAL, Exporters
from tests.unit.serving.contract.contracts import DIGITS, sound

START = 1_700_000_000.0
SUBJECT = Subject(contract=sound(DIGITS), canary=2, stable=1)


@dataclass
class Store(Prometheus):
    """Answers from the exporters' memory, as of `now`."""

    exporters: Exporters
    now: float = START
    says: dict[str, Failed] = field(default_factory=dict)
    """By a part of the query."""

    def ask(self, queries: Collection[str], at: float | None = None) -> dict[str, Answer]:
        return {query: self._answer(query, at) for query in queries}

    def _answer(self, query: str, at: float | None) -> Answer:
        for part, failed in self.says.items():
            if part in query:
                return replace(failed, query=query)
        if query == "time()":
            return (Raw({}, [(self.now, self.now)]),)
        if query.startswith("up == 0"):
            return self._down(query, at or self.now)
        selector, reach = re.fullmatch(r"(.*)\[(\d+)m?s?\]", query).groups()  # type: ignore[union-attr]
        at = at or self.now
        return self.exporters.select(selector, at - int(reach) / 1000, at)

    def _down(self, query: str, at: float) -> tuple[Raw, ...]:
        series = re.findall(r"last_over_time\((.*?)\[5m\]\)", query)
        exported = {raw.target for s in series for raw in self.exporters.select(s, at - 300, at)}
        ups = self.exporters.select("up{}", at - INTERVAL, at)
        return tuple(raw for raw in ups if raw.target in exported and not raw.samples[-1][1])


class Watched:
    """Traffic, scraped and observed once in an interval."""

    def __init__(self, weight: int = 5, subject: Subject = SUBJECT) -> None:
        self.exporters = Exporters()
        self.store = Store(self.exporters)
        self.skew = 0.0
        self.metrics = PrometheusMetrics(
            self.store, envoy, interval=INTERVAL, clock=lambda: self.store.now + self.skew
        )
        self.subject, self.weight, self.tally = subject, weight, Tally()
        self.past_gateway: dict[str, int] = {}
        self.down: set[str] = set()
        self.scrapes = True

    def healthy(self) -> None:
        """20 requests a second, of which the canary gets its share: three pods and one."""
        canary = round(3 * self.weight)
        self.exporters.serve(1, (300 - canary) // 3, pods=3)
        self.exporters.serve(2, canary)

    def window(self, traffic: Callable[[], None] | None = None) -> Window:
        (traffic or self.healthy)()
        self.store.now += INTERVAL
        if self.scrapes:
            self.exporters.scrape(self.store.now - LAG_SECONDS - 1, down=self.down)
        window, self.tally = self.metrics.observe(
            self.subject, self.weight, self.tally, self.past_gateway
        )
        return window

    def settled(self) -> Watched:
        for _ in range(4):
            self.window()
        return self


@pytest.fixture
def watched() -> Watched:
    return Watched().settled()


def names(window: Window) -> set[str]:
    return {unmet.name for unmet in window.unmet}


def test_a_healthy_window_counts_each_request_once(watched: Watched) -> None:
    window = watched.window()
    assert window.unmet == ()
    assert (window.seconds, window.weight) == (INTERVAL, 5)
    assert window.canary.counts.requests == 15
    assert window.canary.counts.errors == 0
    assert window.canary.counts.served == 15
    assert window.canary.counts.queue_ms == 1.0
    assert window.canary.pending == 0
    assert window.canary.capacity == 16
    assert window.stable is not None
    assert window.stable.counts.requests == 285
    assert {pod: counts.requests for pod, counts in window.stable.pods.items()} == {
        "digits-1-0": 95,
        "digits-1-1": 95,
        "digits-1-2": 95,
    }
    assert window.stable.capacity == 48


def test_windows_touch(watched: Watched) -> None:
    first, second = watched.window(), watched.window()
    assert first.started + first.seconds == second.started


def test_slow_requests_are_counted_at_each_edge(watched: Watched) -> None:
    window = watched.window(lambda: watched.exporters.serve(2, 100, slow=7, slow_ms=700))
    edges = SUBJECT.contract.observability.latency_edges_ms
    slower = dict(zip(edges, window.canary.counts.slower, strict=True))
    assert (slower[5], slower[10], slower[500], slower[1000], slower[60_000]) == (100, 7, 7, 0, 0)


def test_failures_that_another_version_made_good_count_against_the_canary(
    watched: Watched,
) -> None:
    window = watched.window(lambda: watched.exporters.serve(2, 15, errors=4, failed_over=4))
    assert (window.canary.counts.requests, window.canary.counts.errors) == (15, 4)
    assert window.stable is not None
    assert window.stable.counts.requests == 0


def test_a_canary_without_any_healthy_server_fails_all_its_requests(watched: Watched) -> None:
    def ejected() -> None:
        envoy_labels = {"job": "envoy", "instance": GATEWAY}
        watched.exporters.count(
            "envoy_cluster_upstream_rq_completed", 15, envoy_cluster_name="digits-2", **envoy_labels
        )
        watched.exporters.count(
            "envoy_cluster_upstream_rq_total",
            15,
            envoy_cluster_name="digits-2-failover",
            **envoy_labels,
        )

    counts = watched.window(ejected).canary.counts
    assert (counts.requests, counts.errors) == (15, 15)


def test_a_restart_in_the_window_counts_from_zero_and_is_told(watched: Watched) -> None:
    def restarted() -> None:
        watched.healthy()
        watched.exporters.restart("digits-2-0:8002")
        watched.healthy()

    window = watched.window(restarted)
    assert window.canary.restarts == 1
    assert window.canary.counts.served == 15
    assert window.canary.counts.requests == 30
    assert window.unmet == ()
    assert watched.window().unmet == ()


def test_a_pod_that_comes_or_goes_is_no_gap() -> None:
    watched = Watched(weight=50).settled()

    def two_pods() -> None:
        watched.exporters.serve(1, 50, pods=3)
        watched.exporters.serve(2, 75, pods=2)

    for traffic in (two_pods, two_pods):
        assert watched.window(traffic).unmet == ()
    watched.exporters.remove("digits-2-1:8002")
    watched.exporters.remove("digits-2-1")
    window = watched.window()
    assert window.unmet == ()
    assert set(window.canary.pods) == {"digits-2-0", "digits-2-1"}
    assert window.canary.pods["digits-2-1"].requests == 0


def test_no_such_series_is_told_with_the_query(watched: Watched) -> None:
    watched.subject = replace(SUBJECT, canary=7)
    (unmet,) = watched.window().unmet[:1]
    assert unmet.name == "series-present"
    assert 'envoy_cluster_name="digits-7"' in unmet.query


def test_before_the_first_step_the_canary_needs_no_series() -> None:
    watched = Watched(weight=0)
    watched.exporters.serve(1, 100, pods=3)
    for _ in range(4):
        window = watched.window(lambda: watched.exporters.serve(1, 100, pods=3))
    assert "series-present" not in names(window)


def test_a_gateway_that_is_down_stops_the_window(watched: Watched) -> None:
    watched.down = {GATEWAY}
    assert names(watched.window()) == {"target-up"}
    assert {"target-up", "fresh"} <= names(watched.window()) | names(watched.window())


def test_a_gap_inside_the_window_stops_it_and_the_next_one_counts_on(watched: Watched) -> None:
    watched.scrapes = False
    seen = [watched.window() for _ in range(3)]
    assert names(seen[-1]) >= {"fresh"}
    watched.scrapes = True
    assert "unbroken" in names(watched.window())
    window = watched.window()
    assert window.unmet == ()
    assert window.canary.counts.requests == 15


def test_one_of_two_canary_pods_unscraped_stops_the_window() -> None:
    watched = Watched(weight=50)

    def two_pods_one_scraped() -> None:
        watched.exporters.serve(1, 50, pods=3)
        watched.exporters.serve(2, 75, pods=2)
        watched.exporters.remove("digits-2-1:8002")

    for _ in range(4):
        window = watched.window(two_pods_one_scraped)
    (unmet,) = window.unmet
    assert (unmet.name, unmet.detail) == ("both-scraped", "not scraped: digits-2-1")


def test_a_crashed_canary_is_judged_by_the_gateway_alone(watched: Watched) -> None:
    """Its own counters are gone with it; a precondition on them would protect it."""
    watched.down = {"digits-2-0:8002"}
    window = watched.window(lambda: watched.exporters.serve(2, 15, errors=15, lie=0))
    assert window.unmet == ()
    assert window.canary.counts.errors == 15


def test_a_canary_whose_server_cannot_be_scraped_is_not_judged(watched: Watched) -> None:
    watched.down = {"digits-2-0:8002"}
    assert "target-up" in names(watched.window())


def test_a_share_that_is_not_the_weight_is_found(watched: Watched) -> None:
    window = watched.window(lambda: watched.exporters.serve(2, 200))
    assert names(window) == {"share-agrees"}


def test_after_a_change_of_weight_the_share_is_counted_afresh(watched: Watched) -> None:
    watched.weight = 50
    for _ in range(6):
        assert watched.window().unmet == ()
    assert watched.tally.weight == 50
    assert watched.tally.canary == 150 * 3
    assert watched.tally.stable == 150 * 3


@pytest.mark.parametrize("lie", [0.5, 2.0])
def test_a_model_that_lies_about_itself_is_caught(lie: float) -> None:
    watched = Watched(weight=50)

    def lying() -> None:
        watched.exporters.serve(1, 50, pods=3)
        watched.exporters.serve(2, 150, lie=lie)

    seen = [names(watched.window(lying)) for _ in range(10)]
    assert seen[-1] == {"counters-agree"}
    assert all(found <= {"counters-agree"} for found in seen[1:])


def test_after_a_restart_or_a_failed_query_the_servers_are_audited_afresh(
    watched: Watched,
) -> None:
    """What was counted meanwhile is lost on one side only."""
    watched.exporters.restart("digits-2-0:8002")
    watched.window()
    assert watched.tally.accounts.keys() == {"stable"}
    watched.store.says = {"queue_duration": Failed("", "HTTP 503: busy")}
    watched.window()
    assert watched.tally.accounts == {}
    watched.store.says = {}
    watched.window()
    assert watched.tally.accounts["canary"].tries == 15


def test_golden_requests_are_no_lie_and_no_traffic() -> None:
    watched = Watched(weight=50).settled()

    def golden() -> None:
        watched.healthy()
        watched.exporters.count(
            "nv_inference_request_success", 100, job="triton", instance="digits-2-0:8002",
            pod="digits-2-0", model="digits", version="2",
        )  # fmt: skip

    watched.past_gateway = {"canary": 100}
    for _ in range(8):
        window = watched.window(golden)
        assert window.unmet == ()
    assert window.canary.counts.requests == 150


def test_probes_of_the_gateway_are_no_lie_and_no_traffic() -> None:
    watched = Watched(weight=50).settled()

    def probed() -> None:
        watched.healthy()
        cluster = {"envoy_cluster_name": "digits-2-pods", "job": "envoy", "instance": GATEWAY}
        watched.exporters.count("envoy_cluster_health_check_attempt", 130, **cluster)
        watched.exporters.count("envoy_cluster_health_check_network_failure", 30, **cluster)
        watched.exporters.count(
            "nv_inference_request_success", 100, job="triton", instance="digits-2-0:8002",
            pod="digits-2-0", model="digits", version="2",
        )  # fmt: skip

    for _ in range(8):
        window = watched.window(probed)
        assert window.unmet == ()
    assert window.canary.counts.requests == 150


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_value_that_is_no_count_is_no_evidence(watched: Watched, value: float) -> None:
    watched.exporters.gauge(
        "envoy_cluster_upstream_rq_completed",
        value,
        envoy_cluster_name="digits-2",
        job="envoy",
        instance=GATEWAY,
    )
    assert names(watched.window(lambda: None)) == {"values-valid"}


def test_a_prometheus_that_does_not_answer_is_told_not_raised(watched: Watched) -> None:
    watched.store.says = {"": Failed("", "no answer within 5 s")}
    for _ in range(3):
        (unmet,) = watched.window().unmet
        assert (unmet.name, unmet.detail) == ("prometheus-answers", "no answer within 5 s")
    watched.store.says = {}
    watched.window()
    assert watched.window().unmet == ()


def test_one_failed_query_of_many_stops_the_window(watched: Watched) -> None:
    watched.store.says = {"grpc_8": Failed("", "HTTP 503: unavailable: replaying")}
    (unmet,) = watched.window().unmet
    assert "grpc_8" in unmet.query


def test_clocks_that_disagree_stop_the_window(watched: Watched) -> None:
    watched.skew = 3600.0
    assert names(watched.window()) == {"clocks-agree"}


def test_after_a_long_pause_only_the_last_interval_counts(watched: Watched) -> None:
    for _ in range(40):
        watched.healthy()
        watched.store.now += INTERVAL
        watched.exporters.scrape(watched.store.now - LAG_SECONDS - 1)
    window = watched.window()
    assert (window.seconds, window.canary.counts.requests) == (INTERVAL, 15)


def test_a_histogram_without_the_edges_stops_the_window(watched: Watched) -> None:
    slo = watched.subject.contract.observability.model_copy(
        update={"latency_edges_ms": (50.0, 250.0, 333.0)}
    )
    contract = watched.subject.contract.model_copy(update={"observability": slo})
    watched.subject = replace(SUBJECT, contract=contract)
    assert names(watched.window()) == {"edges-present"}


def test_the_first_release_has_one_arm() -> None:
    watched = Watched(weight=100, subject=replace(SUBJECT, stable=None))
    for _ in range(4):
        window = watched.window(lambda: watched.exporters.serve(2, 100))
    assert window.unmet == ()
    assert window.stable is None
    assert window.canary.counts.requests == 100


def test_what_is_remembered_survives_the_journal(watched: Watched) -> None:
    assert Tally.from_json(json.loads(json.dumps(watched.tally.to_json()))) == watched.tally


def test_every_query_is_run_before_the_first_effect(watched: Watched) -> None:
    watched.store.says = {"queue_duration": Failed("", "HTTP 400: parse error", refused=True)}
    with pytest.raises(InputError, match=r"digits.*parse error\n.*nv_inference_queue_duration_us"):
        watched.metrics.validate(SUBJECT)


def test_nothing_starts_without_an_answer_from_prometheus(watched: Watched) -> None:
    watched.store.says = {"": Failed("", "ConnectError: refused")}
    with pytest.raises(ServingError, match="does not answer") as raised:
        watched.metrics.validate(SUBJECT)
    assert raised.value.exit_code == 1
