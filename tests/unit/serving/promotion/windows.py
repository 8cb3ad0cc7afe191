"""Windows of scripted traffic, and promotions run over them without any effect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from serving.contract.model import GateName, ModelContract, Rollout, Slo
from serving.promotion.decision import Decision, State, Verdict
from serving.promotion.gate import Rules
from serving.promotion.judge import Evidence, Judge, Judgement, judge_of
from serving.promotion.measurement import Answers, Arm, Counts, Unmet, Window
from serving.promotion.plan import acted, decide, observed
from serving.promotion.steps import Plan
from tests.unit.serving.contract.contracts import DIGITS, sound

CALIBRATED = Rules(
    dispersion=dict.fromkeys(("errors", "p99", "p50", "slowdown"), 1.0), witnesses="split"
)
GOOD_ANSWERS = Answers(asked=20)
EDGES = 15
P50_EDGE, P99_EDGE = 5, 7
"""Of 50 ms and 250 ms among the default edges, the SLO of the example."""


def contract(gates: frozenset[GateName] = Rollout().gates) -> ModelContract:
    slo = Slo(p50_ms=50, p99_ms=250, error_rate=0.005)
    return sound(DIGITS).model_copy(update={"slo": slo, "rollout": Rollout(gates=gates)})


def judge(rules: Rules = CALIBRATED, *gates: GateName) -> Judge:
    return judge_of(contract(frozenset(gates) or Rollout().gates), 1, rules)


def plan(**changes: object) -> Plan:
    usual = Plan(
        steps=(5, 10, 25, 50, 95),
        dwell_seconds=(60, 60, 60, 60, 600),
        false_rollback=0.01,
        false_advance=0.05,
        armed=True,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def counts(requests: int, errors: int = 0, *, slow: int = 0, queue_ms: float = 1.0) -> Counts:
    """`slow` requests are slower than 1 s, the others than 25 ms at most."""
    slower = tuple(requests if edge < 2 else slow if edge < 10 else 0 for edge in range(EDGES))
    return Counts(
        requests=requests,
        errors=errors,
        slower=slower,
        queue_us=int(queue_ms * 1000 * requests),
        served=requests,
    )


def window(
    weight: int = 5,
    *,
    rps: float = 20,
    canary_errors: float = 0.0,
    stable_errors: float = 0.0,
    **changes: object,
) -> Window:
    """15 s of traffic, split as the weight says; error shares are met as nearly as counts can."""
    canary = round(15 * rps * weight / 100)
    stable = round(15 * rps) - canary
    usual = Window(
        started=0.0,
        seconds=15.0,
        weight=weight,
        canary=Arm(counts=counts(canary, round(canary * canary_errors))),
        stable=Arm(counts=counts(stable, round(stable * stable_errors))),
        answers=GOOD_ANSWERS,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def blind(detail: str = "empty vector", weight: int = 5) -> Window:
    unmet = Unmet("series-present", 'envoy_requests{version="2"}', detail)
    return Window(started=0.0, seconds=15.0, weight=weight, unmet=(unmet,))


def judged(judge: Judge, windows: Iterable[Window], evidence: Evidence | None = None) -> Judgement:
    evidence, judgement = evidence or Evidence(), Judgement()
    for each in windows:
        evidence, judgement = judge.judge(evidence, each)
    return judgement


def promote(
    judge: Judge, plan: Plan, traffic: Iterable[Window], start: State | None = None
) -> list[Decision]:
    """Decisions until the promotion ends or the traffic does. Windows take the weight in force."""
    state, evidence, decisions = start or State(), Evidence(), []
    for each in traffic:
        evidence, judgement = judge.judge(evidence, each)
        state = observed(state, each)
        decisions.append(decide(plan, state, judgement))
        state = acted(state, decisions[-1])
        if decisions[-1].verdict is Verdict.ROLLBACK or state.weight == 100:
            break
    return decisions
