from __future__ import annotations

from itertools import product
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from serving.promotion.evidence import (
    limit_factors,
    log_mean,
    log_sum,
    log_value,
    mean_factors,
    odds_times,
    pair_factors,
    rank_factors,
    requests_to_go,
    restarted,
    safety,
    split_factors,
)

CLOSE = 1 + 1e-9


@pytest.mark.parametrize("dispersion", [1.0, 3.0])
@pytest.mark.parametrize("tolerance", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("sizes", [(3, 12), (10, 10), (2, 30), (20, 2)])
def test_a_split_factor_expects_at_most_one_when_the_canary_is_within_tolerance(
    sizes: tuple[int, int], share: float, tolerance: float, dispersion: float
) -> None:
    canary, stable = sizes
    worse = odds_times(share, tolerance)
    expected = [0.0] * 5
    for bad, other in product(range(canary + 1), range(stable + 1)):
        chance = binom.pmf(bad, canary, worse) * binom.pmf(other, stable, share)
        factors = split_factors((canary, bad), (stable, other), tolerance, dispersion)
        expected = [e + chance * exp(f) for e, f in zip(expected, factors, strict=True)]
    assert max(expected) <= CLOSE


@pytest.mark.parametrize("limit", [0.001, 0.01, 0.5])
@pytest.mark.parametrize("part", [1.0, 0.5])
@pytest.mark.parametrize("dispersion", [1.0, 4.0])
@pytest.mark.parametrize("requests", [1, 7, 60])
def test_a_limit_factor_expects_at_most_one_within_the_limit(
    requests: int, dispersion: float, part: float, limit: float
) -> None:
    for alternative in range(5):
        expected = sum(
            binom.pmf(bad, requests, limit * part)
            * exp(limit_factors((requests, bad), limit, dispersion)[alternative])
            for bad in range(requests + 1)
        )
        assert expected <= CLOSE


@given(st.floats(0.01, 0.9), st.floats(0, 1), st.sampled_from([0.0, -1.0]))
def test_a_mean_factor_expects_at_most_one_for_any_two_values_with_the_mean(
    limit: float, spread: float, lowest: float
) -> None:
    low = limit - spread * (limit - lowest)
    high = limit + spread * (1 - limit)
    if high == low:
        return
    chance_high = (limit - low) / (high - low)
    pairs = zip(mean_factors(low, limit, lowest), mean_factors(high, limit, lowest), strict=True)
    for below, above in pairs:
        assert (1 - chance_high) * exp(below) + chance_high * exp(above) <= CLOSE


@pytest.mark.parametrize("discordant", range(6))
def test_a_pair_factor_expects_exactly_one_when_either_side_is_as_likely_worse(
    discordant: int,
) -> None:
    for alternative in range(5):
        expected = sum(
            binom.pmf(worse, discordant, 0.5) * exp(pair_factors(worse, discordant)[alternative])
            for worse in range(discordant + 1)
        )
        assert expected == pytest.approx(1)


@given(st.lists(st.floats(0, 1e6), min_size=4, max_size=12))
def test_rank_factors_average_to_one_over_which_pod_is_called_canary(pods: list[float]) -> None:
    for sharp in range(4):
        total = sum(
            exp(rank_factors([pod], pods[:at] + pods[at + 1 :])[sharp])
            for at, pod in enumerate(pods)
        )
        assert total / len(pods) == pytest.approx(1)


@pytest.mark.parametrize("margin", [0.01, 0.05, 0.5])
@pytest.mark.parametrize("worse", [1.0, 1.5])
def test_evidence_of_safety_expects_at_most_one_at_the_margin_and_above(
    worse: float, margin: float
) -> None:
    for requests in (1, 20, 80):
        expected = sum(
            binom.pmf(bad, requests, margin * worse) * exp(safety(requests, bad, margin, 1.0))
            for bad in range(requests + 1)
        )
        assert expected <= CLOSE


@given(st.lists(st.lists(st.floats(-3, 3), min_size=2, max_size=2), min_size=1, max_size=12))
def test_the_mixture_over_starts_is_what_its_definition_sums_to(windows: list[list[float]]) -> None:
    logs: tuple[float, ...] = ()
    for clock, factors in enumerate(windows, start=1):
        logs = restarted(logs, clock, factors)
    count = len(windows)
    by_start = [
        -log(start * (start + 1))
        + log_mean([sum(w[alternative] for w in windows[start - 1 :]) for alternative in (0, 1)])
        for start in range(1, count + 1)
    ]
    assert log_value(logs, count) == pytest.approx(log_sum([*by_start, -log(count + 1)]))


@given(st.integers(1, 50), st.integers(0, 40), st.integers(1, 500), st.integers(0, 40))
def test_more_bad_requests_of_the_canary_are_never_less_evidence(
    requests: int, bad: int, others: int, other_bad: int
) -> None:
    bad, other_bad = min(bad, requests - 1), min(other_bad, others)
    stable = (others, other_bad)
    less = split_factors((requests, bad), stable, 1.5, 2.0)
    more = split_factors((requests, bad + 1), stable, 1.5, 2.0)
    assert all(a >= b for a, b in zip(more, less, strict=True)) or bad + other_bad == 0
    less, more = (limit_factors((requests, b), 0.01, 2.0) for b in (bad, bad + 1))
    assert all(a > b for a, b in zip(more, less, strict=True))
    assert safety(requests, bad + 1, 0.05, 1.0) < safety(requests, bad, 0.05, 1.0)


def test_the_first_error_of_all_is_evidence_when_the_canary_has_little_traffic() -> None:
    assert max(split_factors((10, 1), (190, 0), 1.5, 1.0)) > 0


@given(st.integers(0, 3000), st.sampled_from([0.01, 0.02, 0.05]), st.sampled_from([1.0, 3.0]))
def test_so_many_more_clean_requests_as_said_nearly_suffice(
    requests: int, margin: float, dispersion: float
) -> None:
    goal = log(20)
    to_go = requests_to_go(requests, 0, margin, dispersion, goal)
    assert to_go is not None
    reached = safety(requests + to_go, 0, margin, dispersion)
    assert reached == pytest.approx(goal, abs=0.6) or (to_go == 0 and reached >= goal)


def test_a_share_at_the_margin_is_never_settled_by_more_requests() -> None:
    assert requests_to_go(10_000, 200, 0.02, 1.0, log(20)) is None
