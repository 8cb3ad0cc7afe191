from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from serving.promotion.calibration import (
    Calibration,
    Waiver,
    calibrate,
    pretended,
    rolls_back,
    trials_of,
)
from serving.promotion.gate import Rules
from serving.promotion.judge import Judge
from serving.promotion.measurement import Arm, Counts, Window
from tests.unit.serving.promotion.windows import judge, window

PODS = 5


def history(windows: int, *, bursts: bool, seed: int = 3) -> list[Window]:
    """Stable's own past: 200 requests per pod and window, 1 % errors, evenly or in bursts."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(windows):
        rates = rng.beta(0.2, 19.8, PODS) if bursts else np.full(PODS, 0.01)
        errors = rng.binomial(200, rates).tolist()
        pods = {
            f"pod-{i}": Counts(requests=200, errors=e, slower=(0,) * 15)
            for i, e in enumerate(errors)
        }
        result.append(window(stable=Arm(pods=pods)))
    return result


def errors_only(rules: Rules) -> Judge:
    return judge(rules, "errors")


def test_a_pod_in_the_role_of_the_canary_takes_its_requests_with_it() -> None:
    first = pretended(history(1, bursts=True)[0], "pod-2")
    assert list(first.canary.pods) == ["pod-2"]
    assert first.stable is not None
    assert "pod-2" not in first.stable.pods
    assert first.stable.counts.requests == 4 * 200
    assert first.weight == 20


def test_each_stretch_of_history_is_used_once() -> None:
    trials = trials_of(history(50, bursts=False), 12)
    assert [len(trial) for trial in trials] == [12] * 4
    assert [next(iter(trial[0].canary.pods)) for trial in trials] == [
        "pod-0", "pod-1", "pod-2", "pod-3",
    ]  # fmt: skip


def test_a_history_without_pods_gives_no_trials() -> None:
    assert trials_of([window()] * 40, 10) == []


def test_independent_errors_arm_the_quickest_witness() -> None:
    found = calibrate(errors_only, trials_of(history(400 * 10, bursts=False), 10), Rules())
    assert found.rules.witnesses == "split"
    assert found.rules.dispersion["errors"] == pytest.approx(1, abs=0.1)
    assert found.rollbacks == 0
    assert found.arms(0.01)


def test_bursts_are_seen_in_the_dispersion_and_no_longer_taken_for_harm() -> None:
    trials = trials_of(history(400 * 10, bursts=True), 10)
    naive = Rules(dispersion={"errors": 1.0}, witnesses="split")
    found = calibrate(errors_only, trials, Rules())
    assert found.rules.dispersion["errors"] > 5
    assert sum(rolls_back(errors_only(naive), trial) for trial in trials) > 40
    assert found.rollbacks <= 4


def test_too_little_history_arms_nothing() -> None:
    few = Calibration(rules=Rules(), trials=200, rollbacks=0)
    assert not few.arms(0.01)
    assert replace(few, trials=400).arms(0.01)


def test_a_waiver_needs_a_name_and_a_reason() -> None:
    assert Waiver(who="kim", why="one pod only").who == "kim"
    with pytest.raises(ValueError, match="a name and a reason"):
        Waiver(who="kim", why="")
