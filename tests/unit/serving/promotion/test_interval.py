from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from serving.promotion.interval import clopper_pearson, split_dispersion, upper_bound


@settings(max_examples=60)
@given(st.integers(1, 20_000), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99]))
def test_intervals_agree_with_scipy(trials: int, part: float, confidence: float) -> None:
    hits = round(trials * part)
    ours = clopper_pearson(hits, trials, confidence)
    theirs = binomtest(hits, trials).proportion_ci(confidence, method="exact")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_no_rollback_in_2000_runs_still_leaves_room_for_some() -> None:
    assert upper_bound(0, 2000) == pytest.approx(1 - 0.05 ** (1 / 2000), abs=1e-12)
    assert upper_bound(2000, 2000) == 1.0


def test_independent_requests_have_no_dispersion_and_bursts_have_what_theory_says() -> None:
    rng = np.random.default_rng(7)
    requests, share, icc = 40, 0.05, 0.05
    independent, bursty = [], []
    for _ in range(6000):
        a, b = rng.binomial(requests, share, 2)
        independent.append((requests, int(a), requests, int(b)))
        beta = share * (1 / icc - 1), (1 - share) * (1 / icc - 1)
        a, b = rng.binomial(requests, rng.beta(*beta, size=2))
        bursty.append((requests, int(a), requests, int(b)))
    assert split_dispersion(independent) == pytest.approx(1, abs=0.06)
    assert split_dispersion(bursty) == pytest.approx(1 + (requests - 1) * icc, rel=0.1)


def test_a_shock_that_hits_both_arms_is_not_dispersion() -> None:
    rng = np.random.default_rng(7)
    shares = rng.choice([0.001, 0.2], 4000)
    windows = [
        (100, int(a), 300, int(b))
        for a, b in zip(rng.binomial(100, shares), rng.binomial(300, shares), strict=True)
    ]
    assert split_dispersion(windows) == pytest.approx(1, abs=0.06)


def test_without_a_bad_request_nothing_can_be_said_about_dispersion() -> None:
    assert split_dispersion([(10, 0, 90, 0), (0, 0, 5, 1)]) == 1.0
