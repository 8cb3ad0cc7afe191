"""A small part of the scoreboard, quickly; `python -m benchmarks.promotion` runs the whole."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.promotion.ours import Ours, plan_of
from benchmarks.promotion.report import bars, page
from benchmarks.promotion.scenario import HEALTHY, REGRESSIONS, Scenario
from benchmarks.promotion.scoreboard import cell, simulate
from benchmarks.promotion.traffic import Traffic
from serving.promotion.gate import Rules

INDEPENDENT = Rules(dispersion={"errors": 1.0}, witnesses="split")
RUNS = 40


def ours(scenario: Scenario, runs: int = RUNS) -> tuple[Ours, float]:
    policy = Ours(runs, INDEPENDENT, plan_of(armed=True))
    return policy, float(simulate(scenario, policy, seed=5).mean())


def test_traffic_is_the_same_for_the_same_seed_and_has_the_shares_asked_for() -> None:
    scenario = Scenario(rps=200, stable=0.02, icc=0.02)
    one, other = (Traffic(scenario, 200, 9, by_pod=True) for _ in range(2))
    weights = np.full(200, 0.25)
    for index in range(5):
        seen, again = one.window(index, weights), other.window(index, weights)
        assert np.array_equal(seen.canary_bad, again.canary_bad)
    assert seen.canary.sum() / (seen.canary.sum() + seen.stable.sum()) == pytest.approx(
        0.25, abs=0.01
    )
    assert seen.stable_bad.sum() / seen.stable.sum() == pytest.approx(0.02, abs=0.002)
    assert (seen.canary[:, 3:] == 0).all()


def test_a_healthy_version_is_promoted_and_never_rolled_back() -> None:
    policy, _ = ours(Scenario(rps=20))
    assert np.isnan(policy.rolled).all()
    assert np.nanmax(policy.promoted) <= 25


def test_a_clear_regression_is_rolled_back_in_every_run_at_little_cost() -> None:
    policy, excess = ours(Scenario(rps=200, canary=0.05))
    assert not np.isnan(policy.rolled).any()
    assert excess < 44


def test_a_regression_in_the_last_watch_does_not_reach_everybody() -> None:
    policy, _ = ours(Scenario(rps=20, canary=0.1, onset=17))
    assert not np.isnan(policy.rolled).any()


def test_both_arms_sick_is_nobodys_rollback() -> None:
    policy, _ = ours(Scenario(rps=20, stable=0.02), 10)
    assert np.isnan(policy.rolled).all()
    assert np.isnan(policy.promoted).all()


def test_without_metrics_nothing_moves() -> None:
    policy, _ = ours(Scenario(rps=20, outage=(0, 60)), 3)
    assert (policy.weights == 0.05).all()


def test_scenarios_have_names_of_their_own() -> None:
    names = [str(scenario) for scenario in (*HEALTHY, *REGRESSIONS)]
    assert len(set(names)) == len(names)


def test_the_page_shows_a_bar_that_is_missed() -> None:
    scenario = Scenario(rps=20)
    policy, _ = ours(scenario, 5)
    policy.rolled[:] = 1.0
    cells = [cell(scenario, name, policy, np.zeros(5)) for name in ("Argo tuned", "Ours")]
    assert any(not cleared for _, cleared, _ in bars(cells))
    assert "**no**" in page(cells, "command")
