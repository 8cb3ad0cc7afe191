"""Windows of a promotion read from a real Prometheus: from history, and as they happen."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serving.errors import InputError
from serving.observability.dialect import Series
from serving.promotion.gateway import ArmSeries, Term, envoy, istio
from serving.promotion.increments import Raw
from serving.promotion.measurement import Window
from serving.promotion.metrics import CLOCK, PrometheusMetrics
from serving.promotion.prometheus import DEADLINE_SECONDS, Answer, Prometheus
from serving.promotion.tally import Tally
from tests.exporters import GATEWAY, INTERVAL, Exporters
from tests.live.prometheus import Scraped, Server, exported, prometheus, with_history
from tests.unit.serving.promotion.test_metrics import SUBJECT, Watched, names

pytestmark = pytest.mark.live


class Past(Prometheus):
    """Of a real Prometheus, as if it were `now`."""

    now = 0.0

    def ask(self, queries: Collection[str], at: float | None = None) -> dict[str, Answer]:
        if list(queries) == [CLOCK]:
            return {CLOCK: (Raw({}, [(self.now, self.now)]),)}
        return super().ask(queries, at)


def lying(watched: Watched) -> None:
    watched.exporters.serve(1, 50, pods=3)
    watched.exporters.serve(2, 150, lie=2.0)


def restarting(watched: Watched) -> None:
    watched.healthy()
    watched.exporters.restart("digits-2-0:8002")
    watched.healthy()


def gateway_restarting(watched: Watched) -> None:
    watched.healthy()
    watched.exporters.restart(GATEWAY)
    watched.healthy()


def two_pods(watched: Watched) -> None:
    watched.exporters.serve(1, 50, pods=3)
    watched.exporters.serve(2, 75, pods=2)


def pod_leaving(watched: Watched) -> None:
    watched.exporters.remove("digits-2-1:8002")
    watched.exporters.remove("digits-2-1")
    watched.healthy()


def failing(watched: Watched) -> None:
    watched.exporters.serve(1, 95, pods=3)
    watched.exporters.serve(2, 15, errors=6, failed_over=3, slow=2)


def misrouted(watched: Watched) -> None:
    watched.exporters.serve(1, 50, pods=3)
    watched.exporters.serve(2, 150)


def unscraped(watched: Watched) -> None:
    watched.scrapes = False
    watched.healthy()


def scraped_again(watched: Watched) -> None:
    watched.scrapes = True
    watched.healthy()


def gateway_down(watched: Watched) -> None:
    watched.down = {GATEWAY}
    watched.healthy()


Traffic = Callable[[Watched], None]
STORIES: dict[str, tuple[int, list[Traffic], set[str]]] = {
    "healthy": (5, [], set()),
    "failing": (5, [failing, failing], set()),
    "a server restarts": (5, [restarting], set()),
    "the gateway restarts": (5, [gateway_restarting], set()),
    "a pod comes": (50, [two_pods, two_pods], set()),
    "a pod goes": (50, [two_pods, two_pods, pod_leaving], set()),
    "nothing is scraped": (5, [unscraped, unscraped, unscraped], {"fresh"}),
    "a gap": (5, [unscraped, unscraped, scraped_again], {"unbroken"}),
    "after a gap": (5, [unscraped, unscraped, scraped_again, Watched.healthy], set()),
    "the gateway is down": (5, [gateway_down], {"target-up"}),
    "a wrong share": (5, [misrouted], {"share-agrees"}),
    "a model that lies": (50, [lying] * 10, {"counters-agree"}),
}


@pytest.mark.parametrize("story", STORIES)
def test_history_reads_the_same_over_http_as_it_was_written(tmp_path: Path, story: str) -> None:
    weight, traffic, unmet = STORIES[story]
    watched = Watched(weight)
    moments: list[float] = []
    expected: list[Window] = []
    for each in (*(Watched.healthy,) * 4, *traffic):
        expected.append(watched.window(lambda each=each: each(watched)))  # type: ignore[misc]
        moments.append(watched.store.now)
    assert names(expected[-1]) == unmet

    with with_history(tmp_path, watched.exporters) as server:
        past = Past(server.url)
        metrics = PrometheusMetrics(past, envoy, interval=INTERVAL, clock=lambda: past.now)
        tally, found = Tally(), []
        for past.now in moments:
            window, tally = metrics.observe(SUBJECT, weight, tally)
            found.append(window)
    assert found == expected
    assert tally == watched.tally


class Live:
    """Exporters scraped by a real Prometheus each second."""

    def __init__(self, scraped: Scraped, server: Server) -> None:
        self.scraped, self.server, self.tally = scraped, server, Tally()
        self.metrics = PrometheusMetrics(
            Prometheus(server.url), envoy, interval=2.0, clock=time.time
        )

    def serve(self, weight: int = 50) -> None:
        with self.scraped.lock:
            self.scraped.exporters.serve(1, 100 - weight, slow=1)
            self.scraped.exporters.serve(2, weight, slow=1)

    def window(self) -> Window:
        window, self.tally = self.metrics.observe(SUBJECT, 50, self.tally)
        return window

    def usable(self, seconds: float = 20.0) -> Window:
        """The first window without an unmet precondition."""
        end = time.monotonic() + seconds
        while (window := self.window()).unmet:
            assert time.monotonic() < end, window.unmet
            time.sleep(1)
        return window


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    tmp_path = tmp_path_factory.mktemp("prometheus")
    exporters = Exporters()
    exporters.serve(1, 1000)
    exporters.serve(2, 1000)
    with exported(exporters) as scraped, prometheus(tmp_path, scraped.configs()) as server:
        yield Live(scraped, server)


@pytest.fixture
def live(running: Live) -> Live:
    running.usable()
    return running


def test_each_request_is_in_one_window(live: Live) -> None:
    seen: list[Window] = []
    for _ in range(6):
        live.serve()
        time.sleep(1.1)
        seen.append(live.window())
    time.sleep(4)
    seen.append(live.window())
    assert [window.unmet for window in seen] == [()] * len(seen)
    assert sum(window.canary.counts.requests for window in seen) == 300
    assert sum(window.stable.counts.requests for window in seen if window.stable) == 300
    assert sum(window.canary.counts.served for window in seen) == 300
    assert sum(window.canary.counts.slower[7] for window in seen) == 6


def test_a_target_that_dies_is_no_evidence(live: Live) -> None:
    live.scraped.down = {GATEWAY}
    time.sleep(4)
    found = names(live.window())
    assert "target-up" in found
    live.scraped.down = set()
    time.sleep(4)
    live.usable()


def test_a_prometheus_that_hangs_is_given_up_in_five_seconds(live: Live) -> None:
    process = live.server.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        window = live.window()
        took = time.monotonic() - started
    finally:
        process.send_signal(signal.SIGCONT)
    assert DEADLINE_SECONDS <= took < DEADLINE_SECONDS + 1
    assert names(window) == {"prometheus-answers"}
    live.usable()


def test_a_prometheus_that_was_killed_is_held_for_and_counts_right_again(live: Live) -> None:
    live.server.stop()
    live.serve()
    assert names(live.window()) == {"prometheus-answers"}
    time.sleep(3)
    live.server.start()
    time.sleep(7)  # it scrapes nothing in its first five seconds
    live.usable()
    live.serve()
    time.sleep(5)
    window = live.window()
    assert window.unmet == ()
    assert window.canary.counts.requests == 50


@pytest.mark.parametrize("gateway", [envoy, istio], ids=["envoy", "istio"])
def test_prometheus_takes_every_query(live: Live, gateway: Any) -> None:
    prometheus = Prometheus(live.server.url)
    PrometheusMetrics(prometheus, gateway, interval=1.0, clock=time.time).validate(SUBJECT)


def test_a_query_that_prometheus_refuses_is_named_before_the_first_effect(live: Live) -> None:
    def mistaken(version: int, *, mirrored: bool = False) -> ArmSeries:
        wrong = Series(name="envoy cluster", labels={})
        return replace(envoy(version, mirrored=mirrored), requests=(Term(wrong),))

    prometheus = Prometheus(live.server.url)
    metrics = PrometheusMetrics(prometheus, mistaken, interval=1.0, clock=time.time)
    with pytest.raises(InputError, match=r"1:\d+: parse error[^\n]*\n  the query: envoy cluster"):
        metrics.validate(SUBJECT)
