from __future__ import annotations

from collections.abc import Collection, Mapping
from math import nan

from serving.dashboard.question import ERRORS, P50, P99, QUEUE, REQUESTS, questions
from serving.dashboard.traffic import POINTS, Traffic, traffic
from serving.promotion.increments import Raw
from serving.promotion.prometheus import Answer, Failed, Prometheus
from tests.unit.serving.promotion.windows import contract

NOW = 1_000_003.7


class Known(Prometheus):
    """Answers by measure."""

    def __init__(self, answers: Mapping[str, tuple[Raw, ...]], failing: str = "") -> None:
        super().__init__("http://nowhere")
        self._answers = answers
        self._failing = failing
        self.asked: list[str] = []

    def ask(self, queries: Collection[str], at: float | None = None) -> dict[str, Answer]:
        self.asked += queries
        return dict(zip(queries, map(self._answer, questions("10s"), queries), strict=True))

    def _answer(self, measure: str, query: str) -> Answer:
        return Failed(query, self._failing) if self._failing else self._answers.get(measure, ())


def seen(answers: Mapping[str, tuple[Raw, ...]], failing: str = "", seconds: int = 900) -> Traffic:
    return traffic(
        Known(answers, failing),
        {"digits": contract()},
        seconds=seconds,
        scrape_seconds=1.0,
        clock=lambda: NOW,
    )


def of(arm: str, *values: float, begin: int = 999_990) -> Raw:
    return Raw({"arm": arm}, [(begin + 5.0 * i, value) for i, value in enumerate(values)])


def test_all_charts_share_one_axis_of_about_as_many_points() -> None:
    found = seen({})
    assert found.step == 5
    assert found.times[0] == 999_100
    assert found.times[-1] == 1_000_000
    assert len(found.times) == POINTS + 1
    assert seen({}, seconds=21_600).step == 120


def test_values_stand_at_their_times_and_gaps_are_nothing() -> None:
    answers = {REQUESTS: (of("digits-2", 10, 20, 30),), P99: (of("digits-2", 1, nan, 3.14159),)}
    arm = seen(answers).models["digits"].arms[2]
    assert list(arm[REQUESTS][-4:]) == [None, 10, 20, 30]
    assert list(arm[P99][-4:]) == [None, 1, None, 3.142]


def test_errors_are_a_share_of_the_requests() -> None:
    answers = {
        REQUESTS: (of("digits-1", 0, 20, 40), of("digits-2", 10, 10, 10)),
        ERRORS: (of("digits-1", 0, 1, 50),),
    }
    arms = seen(answers).models["digits"].arms
    assert list(arms[1][ERRORS][-3:]) == [None, 0.05, 1.0]
    assert list(arms[2][ERRORS][-3:]) == [0.0, 0.0, 0.0]


def test_without_requests_there_is_no_latency_to_show() -> None:
    answers = {
        REQUESTS: (of("digits-1", 0, 20),),
        P50: (of("digits-1", 7, 7),),
        QUEUE: (of("digits-1", 1, 1),),
    }
    arm = seen(answers).models["digits"].arms[1]
    assert list(arm[P50][-3:]) == [None, 7, None]
    assert list(arm[QUEUE][-3:]) == [None, 1, None]


def test_models_without_traffic_are_shown_and_others_names_are_not() -> None:
    found = seen({REQUESTS: (of("strangers-1", 5), of("nonsense", 5))})
    assert list(found.models) == ["digits"]
    assert found.models["digits"].arms == {}
    assert found.document()["models"]["digits"]["slo"]["p99_ms"] == 250


def test_a_prometheus_that_does_not_answer_is_a_problem_that_is_told() -> None:
    found = seen({}, failing="no answer within 5 s")
    assert found.document()["problem"] == "no answer within 5 s"
    assert list(found.models) == ["digits"]


def test_rates_reach_over_several_scrapes() -> None:
    slow = Known({})
    traffic(slow, {}, seconds=900, scrape_seconds=15.0, clock=lambda: NOW)
    assert "[75s]" in slow.asked[0]
    assert slow.asked[0].endswith("[900s:5s]")
