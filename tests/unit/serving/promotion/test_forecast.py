from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.promotion.decision import Verdict
from serving.promotion.forecast import Even, Traffic, forecast, replanned, wrong_answers
from serving.promotion.measurement import Answers
from tests.unit.serving.promotion.windows import CALIBRATED, judge, plan, promote, window

CALM = Traffic(rps=20, errors=0.001, slower=(0.5,) * 5 + (0.1,) * 2 + (0.002,) * 8)


@settings(max_examples=50)
@given(
    st.floats(0.0, 1.0), st.lists(st.floats(0, 300), min_size=1, max_size=20), st.floats(0.0, 1.0)
)
def test_even_counters_add_up_to_their_share(
    errors: float, requests: list[float], slow: float
) -> None:
    even = Even(errors, (slow,))
    counts = [even.after(each) for each in requests]
    assert sum(c.requests for c in counts) == pytest.approx(sum(requests), abs=1)
    assert sum(c.errors for c in counts) <= sum(requests) * errors + 1


def test_enough_traffic_reaches_everybody_in_about_the_time_that_is_watched() -> None:
    found = forecast(judge(), plan(), CALM)
    assert found.decidable
    assert 840 <= found.healthy.seconds <= 1500
    assert list(found.healthy.steps) == [5, 10, 25, 50, 95]


def test_a_larger_regression_is_found_sooner_and_hurts_fewer_requests() -> None:
    found = forecast(judge(), plan(), CALM).regressions
    assert {course.ends for course in found.values()} == {Verdict.ROLLBACK}
    seconds = [found[share].seconds for share in (0.01, 0.02, 0.05, 0.2)]
    assert seconds == sorted(seconds, reverse=True)
    assert found[0.2].requests < found[0.01].requests


def test_more_traffic_decides_sooner() -> None:
    slow, fast = (
        forecast(judge(), plan(), Traffic(rps=rps, errors=0.001, slower=CALM.slower))
        for rps in (2, 200)
    )
    assert fast.healthy.seconds < slow.healthy.seconds
    assert fast.regressions[0.05].seconds < slow.regressions[0.05].seconds


def test_traffic_that_decides_nothing_is_said_so_and_a_higher_first_step_is_offered() -> None:
    few = Traffic(rps=0.4, slower=(0.0,) * 15)
    only_errors = judge(CALIBRATED, "errors")
    assert not forecast(only_errors, plan(), few).decidable
    other = replanned(only_errors, plan(), few)
    assert other is not None
    assert other.plan.steps[0] > 5
    assert other.decidable


def test_where_no_first_step_helps_nothing_is_offered() -> None:
    assert replanned(judge(), plan(), Traffic(rps=0.01, slower=(0.0,) * 15)) is None


def test_a_regression_that_stable_has_already_is_none() -> None:
    assert 0.01 not in forecast(judge(), plan(), Traffic(rps=20, errors=0.015)).regressions


def test_what_is_said_of_wrong_answers_is_what_the_engine_does() -> None:
    """At the end of the first step of a promotion whose golden answers turn wrong."""
    needed = wrong_answers(judge(), plan())
    assert needed is not None
    for count in (needed - 1, needed):
        turned = Answers(asked=100, canary_wrong=count, only_canary_wrong=count)
        traffic = [*[window()] * 4, window(answers=turned)]
        last = promote(judge(), plan(dwell_seconds=(75, 60, 60, 60, 600)), traffic)[-1]
        assert (last.verdict is Verdict.ROLLBACK) == (count == needed)


def test_a_stricter_bound_takes_more_wrong_answers_and_without_the_gate_none_do() -> None:
    usual, strict = (
        wrong_answers(replace(judge(), false_rollback=bound), plan()) for bound in (0.01, 0.001)
    )
    assert usual is not None
    assert strict is not None
    assert usual < strict
    assert wrong_answers(judge(CALIBRATED, "errors"), plan()) is None


def test_the_forecast_comes_before_anybody_gets_impatient() -> None:
    begun = time.process_time()
    forecast(judge(), plan(), CALM)
    assert time.process_time() - begun < 3
