from __future__ import annotations

import pytest

from serving.promotion.record import Decided
from serving.promotion.remaining import at_this_weight, in_all
from tests.unit.serving.promotion.recorded import kept, simulated, started
from tests.unit.serving.promotion.told import told

WINDOW_SECONDS = 15.0


def forecasts(rps: float, seed: int = 1) -> list[tuple[int, float | None, float | None]]:
    """After each decision: the weight, and what is expected here and in all."""
    store = kept(simulated(seed, 400, rps=rps))
    return [
        (course.state.weight, at_this_weight(course, rps), in_all(course, rps))
        for course, record in told(store)
        if isinstance(record.body, Decided)
    ]


@pytest.mark.parametrize("rps", [20.0, 60.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_healthy_promotion_takes_about_as_long_as_was_told(rps: float, seed: int) -> None:
    told_before = forecasts(rps, seed)
    weights = [weight for weight, _, _ in told_before]
    for step in (5, 25, 95):
        first = weights.index(step)
        really = (len(weights) - first) * WINDOW_SECONDS
        expected = told_before[first][2]
        assert expected is not None
        assert 0.6 * really < expected < 1.4 * really


def test_the_time_left_at_a_weight_shrinks_to_nothing() -> None:
    here = [left for weight, left, _ in forecasts(60.0) if weight == 95]
    assert all(left is not None for left in here)
    assert here == sorted(here, key=lambda left: -(left or 0.0))
    assert here[-1] == 0.0


def test_nothing_is_told_of_a_time_that_nobody_knows() -> None:
    *_, (course, _) = told(kept(simulated(1, 1), started(first_release=True)))
    assert in_all(course, 60.0) is None
    *_, (course, _) = told(kept(simulated(1, 12)))
    assert course.state.weight in course.started.plan.steps
    assert at_this_weight(course, 0.0) is None
    assert in_all(course, 0.0) is None
