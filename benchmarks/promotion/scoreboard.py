"""Runs every policy over every scenario and writes down who was right, and what it cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product, repeat
from pathlib import Path

import numpy as np

from benchmarks.promotion.kayenta import Kayenta
from benchmarks.promotion.ours import Ours, judge_of, plan_of
from benchmarks.promotion.policy import Policy
from benchmarks.promotion.rivals import RIVALS, argo_tuned
from benchmarks.promotion.scenario import HORIZON, Scenario
from benchmarks.promotion.traffic import Floats, Traffic
from serving.promotion.calibration import Calibration, Trial, calibrate
from serving.promotion.gate import Rules
from serving.promotion.interval import clopper_pearson
from serving.promotion.measurement import Window

POLICIES: dict[str, Callable[[int], Policy]] = {**RIVALS, "Kayenta": Kayenta}
TUNED = ("Argo tuned", "Argo relative", "Flagger tuned")
OURS = "Ours"
RETUNED = "Argo retuned to 1 %"
RETUNED_TO_OURS = "Argo retuned to ours"
SUCCESS_SHARES = (0.99, 0.98, 0.97, 0.95, 0.93, 0.9, 0.85, 0.8)
CALIBRATION_TRIALS = 500
CALIBRATION_WINDOWS = 84


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Shares are of all runs; minutes are means over the runs they happened in."""

    scenario: str
    healthy: bool
    policy: str
    runs: int
    rollback: float
    rollback_low: float
    rollback_high: float
    promoted: float
    asked: float
    minutes_to_rollback: float | None
    minutes_to_full: float | None
    excess: float
    excess_p95: float
    note: str = ""


def simulate(scenario: Scenario, policy: Policy, seed: int, *, by_pod: bool = False) -> Floats:
    """Bad requests beyond those stable would have made of the same ones, by run."""
    traffic = Traffic(scenario, len(policy.weights), seed, by_pod=by_pod)
    excess = np.zeros(len(policy.weights))
    for index in range(HORIZON):
        seen = traffic.window(index, policy.weights)
        expected = seen.canary.sum(axis=1) * traffic.rates(index)[1]
        excess += seen.canary_bad.sum(axis=1) - expected
        policy.observe(index, None if traffic.blind(index) else seen)
    return excess


def cell(scenario: Scenario, name: str, policy: Policy, excess: Floats, note: str = "") -> Cell:
    runs = len(policy.weights)
    rolled, promoted = ~np.isnan(policy.rolled), ~np.isnan(policy.promoted)
    low, high = clopper_pearson(int(rolled.sum()), runs)
    return Cell(
        scenario=str(scenario),
        healthy=scenario.healthy,
        policy=name,
        runs=runs,
        rollback=float(rolled.mean()),
        rollback_low=low,
        rollback_high=high,
        promoted=float(promoted.mean()),
        asked=float((~np.isnan(policy.asked)).mean()),
        minutes_to_rollback=mean_of(policy.rolled),
        minutes_to_full=mean_of(policy.promoted),
        excess=float(excess.mean()),
        excess_p95=float(np.quantile(excess, 0.95)),
        note=note,
    )


def mean_of(minutes: Floats) -> float | None:
    happened = minutes[~np.isnan(minutes)]
    return float(happened.mean()) if len(happened) else None


@cache
def calibrated(environment: Scenario) -> Calibration:
    """What the engine learns from this environment's past, seeded apart from the scoreboard."""
    plan = plan_of(armed=True)
    return calibrate(
        lambda rules: judge_of(rules, plan), past(environment, seed=20_260), Rules(seed="board")
    )


def past(environment: Scenario, seed: int) -> Sequence[Trial]:
    """Stretches in which nothing was released, with the weights a promotion would have had."""
    plan = plan_of(armed=True)
    traffic = Traffic(environment, CALIBRATION_TRIALS, seed, by_pod=False)
    reader = Ours(0, Rules(witnesses="average" if traffic.by_pod else "split"), plan)
    trials: list[list[Window]] = [[] for _ in range(CALIBRATION_TRIALS)]
    ends = np.cumsum(plan.dwell_seconds) / 15
    for index in range(CALIBRATION_WINDOWS):
        step = min(int(np.searchsorted(ends, index, side="right")), len(plan.steps) - 1)
        weight = plan.steps[step]
        seen = traffic.window(index, np.full(CALIBRATION_TRIALS, weight / 100))
        for run, trial in enumerate(trials):
            trial.append(reader.window(index, weight, seen, run))
    return trials


def run_ours(scenario: Scenario, runs: int, seed: int) -> Cell:
    found = calibrated(scenario.environment)
    armed = found.arms(0.01)
    policy = Ours(runs, found.rules, plan_of(armed=armed))
    excess = simulate(scenario, policy, seed, by_pod=policy.by_pod)
    note = (
        f"{found.rules.witnesses}, tolerance {found.rules.tolerance:g}, "
        f"dispersion {found.rules.dispersion['errors']:.2f}"
        + ("" if armed else f"; not armed: {found.rollbacks} of {found.trials} trials")
    )
    return cell(scenario, OURS, policy, excess, note)


def run_retuned(scenario: Scenario, runs: int, seed: int) -> list[Cell]:
    """The templates with the least exposure to this regression at a rate of false rollbacks.

    Once at 1 %, once at what cannot be told from none, which is ours. Nobody can choose the
    template by the regression that is to come; it is the best that tuning could ever do.
    """
    tried = []
    for success, limit in product(SUCCESS_SHARES, range(6)):
        healthy = argo_tuned(runs, success, limit)
        simulate(scenario.environment, healthy, seed)
        wrong = float((~np.isnan(healthy.rolled)).mean())
        if wrong <= 0.01:
            policy = argo_tuned(runs, success, limit)
            tried.append((wrong, policy, simulate(scenario, policy, seed + 1), success, limit))
    none = clopper_pearson(0, runs)[1]
    cells = []
    for name, allowed in ((RETUNED, 0.01), (RETUNED_TO_OURS, none)):
        allowed_ones = [each for each in tried if each[0] <= allowed]
        wrong, policy, excess, success, limit = min(allowed_ones, key=lambda each: each[2].mean())
        note = f"success ≥ {success:g}, failureLimit {limit}, false rollbacks {wrong:.2%}"
        cells.append(cell(scenario, name, policy, excess, note))
    return cells


def board(scenario: Scenario, runs: int, seed: int) -> list[Cell]:
    cells = []
    for name, make in POLICIES.items():
        policy = make(runs)
        cells.append(cell(scenario, name, policy, simulate(scenario, policy, seed)))
    if not scenario.healthy and scenario.rps == 2:
        cells += run_retuned(scenario, runs, seed)
    return [*cells, run_ours(scenario, runs, seed)]


def boards(
    scenarios: Sequence[Scenario], runs: int, seed: int, workers: int
) -> Iterator[list[Cell]]:
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(board, scenarios, repeat(runs), repeat(seed))


def write(cells: Sequence[Cell], path: Path, command: str) -> None:
    document = {"command": command, "cells": [asdict(each) for each in cells]}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
