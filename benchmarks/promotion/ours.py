"""The engine itself, run by run: no copy of its rules, only the errors gate of a whole contract."""

from __future__ import annotations

import numpy as np

from benchmarks.promotion.policy import Policy
from benchmarks.promotion.traffic import SECONDS, Ints, Seen
from serving.promotion.decision import State, Verdict
from serving.promotion.gate import Rules
from serving.promotion.judge import Evidence, Judge
from serving.promotion.measurement import Arm, Counts, Unmet, Window
from serving.promotion.plan import acted, decide, observed
from serving.promotion.share_gate import errors
from serving.promotion.steps import Plan

LIMIT = 0.005
GATES_BUDGET = 0.95
"""Of all statistical gates of a contract together; the errors gate has its own part of it."""
BLIND = (Unmet("metrics-up", "up"),)
DWELL = 210.0


def judge_of(rules: Rules, plan: Plan) -> Judge:
    return Judge(
        gates=(errors(LIMIT, rules),),
        false_rollback=plan.false_rollback,
        false_advance=plan.false_advance,
    )


def plan_of(*, armed: bool, dwell: float = DWELL) -> Plan:
    """α is what a whole contract leaves to its errors gate."""
    share = errors(LIMIT, Rules()).budget / GATES_BUDGET
    return Plan(
        steps=(5, 10, 25, 50, 95),
        dwell_seconds=(dwell, dwell, dwell, dwell, 2 * dwell),
        false_rollback=0.01 * share,
        false_advance=0.05,
        armed=armed,
    )


class Ours(Policy):
    def __init__(self, runs: int, rules: Rules, plan: Plan) -> None:
        super().__init__(runs, plan.steps[0] / 100)
        self.plan, self.judge = plan, judge_of(rules, plan)
        self.by_pod = rules.witnesses != "split"
        self.states = [State(weight=plan.steps[0])] * runs
        self.evidence = [Evidence()] * runs

    def observe(self, index: int, seen: Seen | None) -> None:
        for run in np.flatnonzero(self.active).tolist():
            state = self.states[run]
            window = self.window(index, state.weight, seen, run)
            self.evidence[run], judgement = self.judge.judge(self.evidence[run], window)
            state = observed(state, window)
            decision = decide(self.plan, state, judgement)
            self.states[run] = acted(state, decision)
            self.act(run, decision.verdict, decision.weight, (index + 1) * SECONDS / 60)

    def act(self, run: int, verdict: Verdict, weight: int, minute: float) -> None:
        self.weights[run] = weight / 100
        if verdict is Verdict.ROLLBACK:
            self.rolled[run] = minute
        elif weight == 100:
            self.promoted[run] = minute
        elif verdict is Verdict.ASK and np.isnan(self.asked[run]):
            self.asked[run] = minute

    def window(self, index: int, weight: int, seen: Seen | None, run: int) -> Window:
        started, seconds = float(index * SECONDS), float(SECONDS)
        if seen is None:
            return Window(started=started, seconds=seconds, weight=weight, unmet=BLIND)
        pods = int(seen.pods[run]) if self.by_pod else 0
        return Window(
            started=started,
            seconds=seconds,
            weight=weight,
            canary=self.arm(seen.canary[run], seen.canary_bad[run], pods),
            stable=self.arm(seen.stable[run], seen.stable_bad[run], len(seen.stable[run])),
        )

    def arm(self, requests: Ints, bad: Ints, pods: int) -> Arm:
        n, e = requests.tolist(), bad.tolist()
        each = {}
        if self.by_pod:
            each = {f"{i}": Counts(requests=n[i], errors=e[i]) for i in range(pods)}
        return Arm(counts=Counts(requests=sum(n), errors=sum(e)), pods=each)
