"""What a promotion would take at the traffic seen now: told before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log

from serving.promotion.decision import State, Verdict
from serving.promotion.judge import Evidence, Judge
from serving.promotion.measurement import Answers, Arm, Counts, Window
from serving.promotion.plan import acted, decide, observed
from serving.promotion.steps import Plan

REGRESSIONS = (0.01, 0.02, 0.05, 0.2)
"""Shares of errors whose detection is forecast."""
HORIZON_SECONDS = 6 * 3600.0
FIRST_STEPS = (10, 25, 50)
"""Tried in turn where the traffic cannot decide the plan."""
MOST_ANSWERS = 100
"""Tried one after the other, to say how many would be enough."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """As stable has it now."""

    rps: float
    errors: float = 0.0
    """Share of requests."""
    slower: tuple[float, ...] = ()
    """Share of requests slower than each edge of the histogram."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """How a promotion goes when requests and errors come as evenly as whole numbers allow."""

    ends: Verdict
    """`advance`: 100 % reached; `ask`: the traffic does not decide it."""
    seconds: float
    requests: int
    """That the canary answered until then."""
    bad: int
    steps: Mapping[int, float]
    """Seconds at each weight."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    plan: Plan
    healthy: Course
    regressions: Mapping[float, Course]

    @property
    def decidable(self) -> bool:
        return self.healthy.ends is Verdict.ADVANCE


def forecast(judge: Judge, plan: Plan, traffic: Traffic, window_seconds: float = 15.0) -> Forecast:
    armed = replace(plan, armed=True)
    return Forecast(
        plan=plan,
        healthy=course(judge, armed, traffic, traffic.errors, window_seconds),
        regressions={
            share: course(judge, armed, traffic, share, window_seconds)
            for share in REGRESSIONS
            if share > traffic.errors
        },
    )


def replanned(
    judge: Judge, plan: Plan, traffic: Traffic, window_seconds: float = 15.0
) -> Forecast | None:
    """With the lowest higher first step that the traffic decides; None: there is none.

    Then mirrored or synthetic requests, or more golden samples, have to decide.
    """
    for first in FIRST_STEPS:
        kept = [i for i, step in enumerate(plan.steps) if step > first]
        if first <= plan.steps[0] or not kept:
            continue
        higher = replace(
            plan,
            steps=(first, *(plan.steps[i] for i in kept)),
            dwell_seconds=(plan.dwell_seconds[0], *(plan.dwell_seconds[i] for i in kept)),
        )
        found = forecast(judge, higher, traffic, window_seconds)
        if found.decidable:
            return found
    return None


def course(
    judge: Judge, plan: Plan, traffic: Traffic, errors: float, window_seconds: float
) -> Course:
    """The engine itself, over traffic without chance."""
    state, evidence = State(weight=plan.steps[0]), Evidence()
    canary, stable = Even(errors, traffic.slower), Even(traffic.errors, traffic.slower)
    steps: dict[int, float] = {}
    elapsed, verdict = 0.0, Verdict.ASK
    while elapsed < HORIZON_SECONDS:
        part = state.weight / 100
        window = Window(
            started=elapsed,
            seconds=window_seconds,
            weight=state.weight,
            canary=Arm(counts=canary.after(traffic.rps * window_seconds * part)),
            stable=Arm(counts=stable.after(traffic.rps * window_seconds * (1 - part))),
            answers=Answers(asked=1),
        )
        elapsed += window_seconds
        steps[state.weight] = steps.get(state.weight, 0.0) + window_seconds
        evidence, judgement = judge.judge(evidence, window)
        state = observed(state, window)
        decision = decide(plan, state, judgement)
        state = acted(state, decision)
        if decision.verdict in (Verdict.ROLLBACK, Verdict.ASK) or state.weight == 100:
            verdict = decision.verdict
            break
    return Course(
        ends=verdict,
        seconds=elapsed,
        requests=int(canary.requests),
        bad=int(canary.requests * errors),
        steps=steps,
    )


def wrong_answers(judge: Judge, plan: Plan, window_seconds: float = 15.0) -> int | None:
    """Golden answers that turn wrong at the end of the first step and are enough for a rollback.

    None: no number is. Before the first request, one is.
    """
    evidence = Evidence()
    window = Window(
        started=0.0, seconds=window_seconds, weight=plan.steps[0], canary=Arm(), stable=Arm()
    )
    for _ in range(int(plan.dwell_seconds[0] / window_seconds)):
        right = replace(window, answers=Answers(asked=MOST_ANSWERS))
        evidence, _judgement = judge.judge(evidence, right)
    for count in range(1, MOST_ANSWERS + 1):
        wrong = Answers(asked=MOST_ANSWERS, canary_wrong=count, only_canary_wrong=count)
        _evidence, judgement = judge.judge(evidence, replace(window, answers=wrong))
        if judgement.harm >= -log(judge.false_rollback):
            return count
    return None


class Even:
    """Counters that grow steadily; increments are whole, and add up."""

    def __init__(self, errors: float, slower: tuple[float, ...]) -> None:
        self.requests = 0.0
        self._errors, self._slower = errors, slower

    def after(self, requests: float) -> Counts:
        before, self.requests = self.requests, self.requests + requests
        arrived = int(self.requests) - int(before)

        def bad(share: float) -> int:
            return min(int(self.requests * share) - int(before * share), arrived)

        return Counts(
            requests=arrived,
            errors=bad(self._errors),
            slower=tuple(bad(share) for share in self._slower),
        )
