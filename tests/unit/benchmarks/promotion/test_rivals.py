"""The rivals keep to what their documents and sources say of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from benchmarks.promotion.kayenta import Kayenta, classify, standardised
from benchmarks.promotion.policy import Policy
from benchmarks.promotion.rivals import RIVALS, argo_tuned
from benchmarks.promotion.traffic import Seen

MINUTE = 4


def seen(requests: int, bad: int, others: int = 100, other_bad: int = 0) -> Seen:
    def column(value: int) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([[value]])

    return Seen(column(requests), column(bad), column(others), column(other_bad), np.array([1]))


GOOD, BAD, EMPTY = seen(100, 0), seen(100, 10), seen(0, 0)


def fed(policy: Policy, *windows: tuple[int, Seen | None]) -> Policy:
    index = 0
    for count, each in windows:
        for _ in range(count):
            policy.observe(index, each)
            index += 1
    return policy


def minutes(values: np.ndarray) -> float | None:  # type: ignore[type-arg]
    return None if np.isnan(values[0]) else float(values[0])


CASES = [
    # Argo documented: measured every 5 min from min 10; aborts on the fourth failure.
    ("Argo documented", [(240, GOOD)], None, 40),
    ("Argo documented", [(240, BAD)], 25, None),
    ("Argo documented", [(4 * 24, BAD), (240, GOOD)], None, 40),
    ("Argo documented", [(240, EMPTY)], 25, None),
    ("Argo documented", [(240, None)], 10.75, None),
    # Argo inline: 5 min pause, five measurements a minute apart, no failure allowed.
    ("Argo inline", [(240, GOOD)], None, 36),
    ("Argo inline", [(4 * 5 - 1, GOOD), (1, BAD), (240, GOOD)], 5, None),
    ("Argo inline", [(4 * 4, BAD), (240, GOOD)], None, 36),
    ("Argo inline", [(240, EMPTY)], 5, None),
    # Argo tuned: every minute over 5 min, three failures, nothing to measure passes.
    ("Argo tuned", [(240, GOOD)], None, 20),
    ("Argo tuned", [(240, BAD)], 3, None),
    ("Argo tuned", [(240, EMPTY)], None, 20),
    ("Argo tuned", [(240, None)], 1.75, None),
    # Argo relative: bad is a point more than stable.
    ("Argo relative", [(240, seen(100, 10, 100, 10))], None, 20),
    ("Argo relative", [(240, seen(100, 3, 100, 1))], 3, None),
    # Flagger: the first tick is unchecked, a step a minute, promoted a tick after the last.
    ("Flagger 5", [(240, GOOD)], None, 6),
    ("Flagger 5", [(240, BAD)], 6, None),
    ("Flagger 1", [(240, BAD)], 2, None),
    ("Flagger 5", [(240, EMPTY)], 6, None),
    ("Flagger 5", [(240, None)], 6, None),
    # failed checks are never forgotten: two spells of two and three add up.
    ("Flagger 5", [(4, GOOD), (8, BAD), (4, GOOD), (12, BAD), (80, GOOD)], 8, None),
    ("Flagger tuned", [(240, GOOD)], None, 5),
    ("Flagger tuned", [(240, BAD)], 4, None),
]


@pytest.mark.parametrize(("name", "windows", "rolled", "promoted"), CASES)
def test_a_rival_does_what_is_documented(
    name: str, windows: list[tuple[int, Seen | None]], rolled: float | None, promoted: float | None
) -> None:
    policy = fed(RIVALS[name](1), *windows)
    assert (minutes(policy.rolled), minutes(policy.promoted)) == (rolled, promoted)


def test_an_argo_measurement_that_works_again_forgets_the_errors_before() -> None:
    policy = fed(argo_tuned(1), (4 * 2 - 1, GOOD), (2, None), (240, GOOD))
    assert minutes(policy.promoted) == 20


def test_kayenta_takes_equal_or_constant_data_for_a_pass_and_missing_data_for_none() -> None:
    steady, nothing = np.full(60, 0.01), np.full(60, np.nan)
    assert classify(steady, steady) == "pass"
    assert classify(nothing, steady) == "nodata"
    assert classify(steady, nothing) == "nodata"
    rng = np.random.default_rng(1)
    mixed = rng.random(60)
    assert classify(mixed, rng.permutation(mixed)) == "pass"


def test_kayenta_passes_sparse_errors_against_none_and_fails_clear_ones() -> None:
    assert classify(np.zeros(6), np.array([0, 1, 2, 1, 0, 0])) == "pass"
    rng = np.random.default_rng(1)
    assert classify(rng.normal(0.01, 0.002, 60), rng.normal(0.03, 0.002, 60)) == "high"
    assert classify(rng.normal(0.03, 0.002, 60), rng.normal(0.01, 0.002, 60)) == "pass"


def test_the_rank_statistic_is_scipys() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        x = rng.integers(0, 8, rng.integers(5, 40)).astype(float)
        y = rng.integers(0, 8, rng.integers(5, 40)).astype(float)
        ours = standardised(x, y)
        found = mannwhitneyu(x, y, method="asymptotic", use_continuity=True)
        from_p = 2 * (1 - _normal(abs(ours)))
        assert min(from_p, 1.0) == pytest.approx(found.pvalue, abs=1e-9)


def _normal(value: float) -> float:
    from statistics import NormalDist

    return NormalDist().cdf(value)


def test_kayenta_rolls_back_what_its_judge_fails_and_promotes_the_rest() -> None:
    rng = np.random.default_rng(1)

    def noisy(rate: float) -> list[tuple[int, Seen]]:
        return [
            (1, seen(200, int(rng.binomial(200, rate)), 2000, int(rng.binomial(2000, 0.01))))
            for _ in range(240)
        ]

    assert minutes(fed(Kayenta(1), *noisy(0.3)).rolled) == 5
    assert minutes(fed(Kayenta(1), *noisy(0.01)).promoted) == 20
