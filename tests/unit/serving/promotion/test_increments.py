"""Increments from raw samples: nothing is lost between windows, nothing is counted twice."""

from __future__ import annotations

import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.promotion.increments import (
    Raw,
    Sample,
    by_label,
    increment,
    known_targets,
    restarts,
    total,
)

GROWTH = st.lists(st.integers(0, 1000), min_size=1, max_size=20)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Sample], int]:
    """A counter scraped each second through several lives, and what it truly counted after the
    first scrape. A life's first value is below the last one before, or no one could see it end."""
    values: list[int] = []
    counted = 0
    for life in draw(st.lists(GROWTH, min_size=1, max_size=5)):
        seen = list(accumulate(life))
        if values:
            if seen[0] >= values[-1]:
                continue
            counted += seen[-1]
        else:
            counted += seen[-1] - seen[0]
        values += seen
    return [(float(at), float(value)) for at, value in enumerate(values)], counted


@given(histories())
def test_what_was_counted_is_found_through_any_restarts(history: tuple[list[Sample], int]) -> None:
    samples, counted = history
    assert increment(samples, samples[0][0]) == counted


@given(histories(), st.lists(st.floats(0, 100), max_size=10))
def test_windows_that_touch_add_up_to_the_whole(
    history: tuple[list[Sample], int], cuts: list[float]
) -> None:
    samples, counted = history
    last = samples[-1][0]
    borders = sorted({0.0, last, *(cut for cut in cuts if cut <= last)})
    parts = [
        increment([sample for sample in samples if sample[0] <= until], since)
        for since, until in pairwise(borders)
    ]
    assert sum(parts) == (counted if len(borders) > 1 else 0)


@given(st.lists(histories(), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_series_does_not_matter(
    several: list[tuple[list[Sample], int]], shuffle: random.Random
) -> None:
    series = [Raw({"pod": str(i % 3)}, samples) for i, (samples, _) in enumerate(several)]
    mixed = list(series)
    shuffle.shuffle(mixed)
    assert total(mixed, 0.0, ()) == total(series, 0.0, ()) == sum(n for _, n in several)
    assert by_label(mixed, "pod", 0.0, ()) == by_label(series, "pod", 0.0, ())


@pytest.mark.parametrize(
    ("samples", "born", "counted"),
    [
        ([(0, 5), (10, 8), (20, 8)], False, 3),
        ([(0, 5), (10, 2), (20, 3)], False, 3),
        ([(5, 100), (10, 103)], False, 3),
        ([(5, 100), (10, 103)], True, 103),
        ([(0, 100), (10, 103)], True, 3),
        ([(0, 5)], False, 0),
        ([(0, 5)], True, 0),
        ([], True, 0),
        ([(-20, 1), (-10, 4), (0, 9)], False, 0),
    ],
    ids=[
        "grows", "restarts", "known from inside the window", "begins in the window",
        "was there before", "ended before", "ended before, known", "empty", "all before",
    ],
)  # fmt: skip
def test_a_window_counts_from_its_last_sample_before(
    samples: list[Sample], born: bool, counted: float
) -> None:
    assert increment(samples, 0.0, born=born) == counted


def test_a_series_begins_in_the_window_only_if_its_target_was_scraped_before() -> None:
    old, new = {"job": "envoy", "instance": "a"}, {"job": "envoy", "instance": "b"}
    series = [
        Raw({**old, "code": "200"}, [(-5, 10), (10, 12)]),
        Raw({**old, "code": "503"}, [(10, 3)]),
        Raw({**new, "code": "200"}, [(10, 1_000_000)]),
    ]
    known = known_targets(series, 0.0)
    assert known == {("envoy", "a")}
    assert total(series, 0.0, known) == 2 + 3


def test_restarts_are_counted_where_they_are_seen() -> None:
    samples = [(-10, 9), (-5, 2), (5, 4), (10, 0), (15, 1)]
    assert restarts(samples, 0.0) == 1
    assert restarts(samples, -20.0) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -1.0, 1e300])
def test_what_is_no_count_is_seen(value: float) -> None:
    assert Raw({}, [(0, 0.0), (1, 5.0)]).counts
    assert not Raw({}, [(0, 0.0), (1, value), (2, 5.0)]).counts
