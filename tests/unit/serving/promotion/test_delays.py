"""Twelve ways in which answers can be late, and what becomes of a version that answers so."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from serving.promotion.decision import Decision, State, Verdict
from serving.promotion.judge import Evidence
from serving.promotion.measurement import Arm, Counts, Window
from serving.promotion.plan import acted, decide, observed
from tests.unit.serving.promotion.windows import GOOD_ANSWERS, contract, judge, plan

PER_WINDOW: Final = 1500
"""Requests, at 100 a second."""
WINDOWS: Final = 240
"""An hour of them; the SLO is 50 ms for half of the requests, 250 ms for 99 of 100."""
EDGES_MS: Final = contract().observability.latency_edges_ms
PROMOTED, HELD = "promoted", "held"

Delay = Callable[[random.Random, int], float]
"""Milliseconds of one answer, in the window of that number since the last change of weight."""


def usual(chance: random.Random, _: int) -> float:
    return chance.lognormvariate(2.7, 0.5)


@dataclass(frozen=True)
class Case:
    delay: Delay
    ends: str
    """Promoted, held below 100 %, or the gate that takes it back."""


CASES: Final = {
    "as stable": Case(usual, PROMOTED),
    "half of it": Case(lambda chance, at: usual(chance, at) / 2, PROMOTED),
    "always the same": Case(lambda _, __: 15.0, PROMOTED),
    "slow at first": Case(
        lambda chance, at: usual(chance, at) * (20 if at == 0 else 1), PROMOTED
    ),
    "one of a thousand hangs": Case(
        lambda chance, at: 5000.0 if chance.random() < 0.001 else usual(chance, at), PROMOTED
    ),
    "slower, within the SLO": Case(lambda chance, at: usual(chance, at) + 20, HELD),
    "ten times": Case(lambda chance, at: usual(chance, at) * 10, "p50"),
    "slow for most": Case(
        lambda chance, at: 80.0 if chance.random() < 0.6 else usual(chance, at), "p50"
    ),
    "slow for few": Case(
        lambda chance, at: 400.0 if chance.random() < 0.03 else usual(chance, at), "p99"
    ),
    "a heavy tail": Case(lambda chance, _: 10 * chance.paretovariate(1.0), "p99"),
    "now and then": Case(
        lambda chance, at: usual(chance, at) * (30 if at % 10 == 9 else 1), "p99"
    ),
    "ever slower": Case(lambda chance, at: usual(chance, at) * (1 + at / 2), "p50"),
}  # fmt: skip


def answered(delay: Delay, chance: random.Random, requests: int, at: int) -> Arm:
    below = [0] * (len(EDGES_MS) + 1)
    for _ in range(requests):
        below[bisect_right(EDGES_MS, delay(chance, at))] += 1
    slower = tuple(sum(below[edge + 1 :]) for edge in range(len(EDGES_MS)))
    return Arm(counts=Counts(requests=requests, slower=slower, served=requests))


def traffic(delay: Delay, chance: random.Random, weight: int, at: int) -> Window:
    canary = PER_WINDOW * weight // 100
    return Window(
        started=0.0,
        seconds=15.0,
        weight=weight,
        canary=answered(delay, chance, canary, at),
        stable=answered(usual, chance, PER_WINDOW - canary, at),
        answers=GOOD_ANSWERS,
    )


def last(delay: Delay, seed: int) -> tuple[Decision, State]:
    chance, gates, steps = random.Random(seed), judge(), plan()
    state, evidence, since = State(), Evidence(), 0
    decision = None
    for _ in range(WINDOWS):
        window = traffic(delay, chance, state.weight, since)
        evidence, judgement = gates.judge(evidence, window)
        state = observed(state, window)
        decision = decide(steps, state, judgement)
        before, state = state.weight, acted(state, decision)
        since = since + 1 if state.weight == before else 0
        if decision.verdict is Verdict.ROLLBACK or state.weight == 100:
            break
    assert decision is not None
    return decision, state


@pytest.mark.parametrize("case", CASES)
def test_what_callers_wait_for_decides_however_it_is_distributed(case: str) -> None:
    decision, state = last(CASES[case].delay, seed=list(CASES).index(case))
    found = (
        decision.gate if decision.verdict is Verdict.ROLLBACK
        else PROMOTED if state.weight == 100
        else HELD
    )  # fmt: skip
    assert found == CASES[case].ends, decision.reason
