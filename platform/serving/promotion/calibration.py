"""How the engine would have treated a service's own past, where nothing was ever promoted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import TypeAlias

from serving.promotion.gate import Rules, Witnesses
from serving.promotion.interval import split_dispersion, upper_bound
from serving.promotion.judge import Evidence, Judge
from serving.promotion.measurement import Arm, Counts, Window
from serving.promotion.share_gate import ShareGate

CONFIDENCE = 0.975
"""Of the upper bound alone: the upper end of a two-sided 95 % interval."""
CANDIDATES: tuple[tuple[Witnesses, float], ...] = (
    ("split", 1.5),
    ("average", 1.5),
    ("split", 2.0),
    ("average", 2.0),
    ("minimum", 1.5),
    ("minimum", 2.0),
)
"""Witnesses and tolerance, the quickest to find harm first."""

Trial: TypeAlias = Sequence[Window]
"""A stretch of history, a part of stable in the role of the canary."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    rules: Rules
    trials: int
    rollbacks: int
    """Trials that would have been rolled back, all of them wrongly."""

    @property
    def bound(self) -> float:
        """The false-rollback rate is below it with 97.5 % confidence."""
        return upper_bound(self.rollbacks, self.trials, CONFIDENCE)

    def arms(self, false_rollback: float) -> bool:
        """Statistical gates may roll back by themselves."""
        return self.bound <= false_rollback


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A person's word that statistical gates may roll back without a calibration."""

    who: str
    why: str

    def __post_init__(self) -> None:
        if not self.who.strip() or not self.why.strip():
            raise ValueError("a waiver needs a name and a reason; both are recorded")


def calibrate(
    judge_of: Callable[[Rules], Judge], trials: Sequence[Trial], rules: Rules
) -> Calibration:
    """The quickest way of weighing evidence that keeps the promise on this history.

    Where none does, the one with the fewest rollbacks, which arms nothing.
    """
    judge = judge_of(rules)
    known = replace(rules, dispersion=dispersions(judge, trials))
    tried = []
    for witnesses, tolerance in CANDIDATES:
        candidate = replace(known, witnesses=witnesses, tolerance=tolerance)
        result = replayed(judge_of(candidate), trials, candidate)
        if result.arms(judge.false_rollback):
            return result
        tried.append(result)
    return min(tried, key=lambda result: result.rollbacks)


def replayed(judge: Judge, trials: Sequence[Trial], rules: Rules) -> Calibration:
    rollbacks = sum(rolls_back(judge, trial) for trial in trials)
    return Calibration(rules=rules, trials=len(trials), rollbacks=rollbacks)


def rolls_back(judge: Judge, trial: Trial) -> bool:
    evidence = Evidence()
    for window in trial:
        evidence, judgement = judge.judge(evidence, window)
        if judgement.harm >= -log(judge.false_rollback):
            return True
    return False


def dispersions(judge: Judge, trials: Sequence[Trial]) -> dict[str, float]:
    """By gate, how much more bad requests cluster on one arm than independent ones would."""
    gates = [gate for gate in judge.gates if isinstance(gate, ShareGate)]
    return {
        gate.name: split_dispersion(
            (
                window.canary.counts.requests,
                gate.bad(window.canary.counts),
                window.stable.counts.requests,
                gate.bad(window.stable.counts),
            )
            for trial in trials
            for window in trial
            if window.stable
        )
        for gate in gates
    }


def trials_of(history: Sequence[Window], length: int) -> list[Trial]:
    """Stretches of history, one after the other; in each the next pod plays the canary.

    Each stretch is used once: with several pods per stretch the trials would not be independent,
    and the bound not a bound.
    """
    trials: list[Trial] = []
    for start in range(0, len(history) - length + 1, length):
        stretch = history[start : start + length]
        stable = stretch[0].stable
        pods = sorted(stable.pods) if stable else []
        if pods:
            pod = pods[len(trials) % len(pods)]
            trials.append([pretended(window, pod) for window in stretch])
    return trials


def pretended(window: Window, pod: str) -> Window:
    """The window, had `pod` been the canary."""
    pods = dict(window.stable.pods) if window.stable else {}
    own = pods.pop(pod, Counts())
    weight = round(100 / (len(pods) + 1))
    return replace(
        window,
        weight=weight,
        canary=Arm(counts=own, pods={pod: own}),
        stable=Arm(counts=total(list(pods.values())), pods=pods),
    )


def total(parts: Sequence[Counts]) -> Counts:
    return Counts(
        requests=sum(part.requests for part in parts),
        errors=sum(part.errors for part in parts),
        slower=tuple(map(sum, zip(*(part.slower for part in parts), strict=True))),
        queue_us=sum(part.queue_us for part in parts),
        served=sum(part.served for part in parts),
    )
