"""The hard cases, one test each, under the names the design gives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from serving.contract.model import Rollout
from serving.promotion.decision import Approval, Decision, Facts, Override, State, Verdict
from serving.promotion.gate import Finding, Rules
from serving.promotion.judge import Evidence, Judgement
from serving.promotion.measurement import Arm, Unmet, Window
from serving.promotion.plan import acted, decide, observed
from serving.promotion.steps import Plan
from tests.unit.serving.promotion.windows import (
    CALIBRATED,
    blind,
    counts,
    judge,
    judged,
    plan,
    promote,
    window,
)

SAFE = Judgement(findings=(Finding(gate="errors", safe=9.0),))
HARMFUL = Judgement(findings=(Finding(gate="errors", harm=9.0, safe=-9.0),), harm=9.0)
UNCLEAR = Judgement(findings=(Finding(gate="errors", safe=1.0, needs=40),))
SUSPECT = Judgement(findings=(Finding(gate="p99", suspicion=9.0, safe=0.0),))
ASKING = Judgement(
    findings=(Finding(gate="errors", safe=9.0), Finding(gate="mirror", ask="answers differ"))
)
READY = State(weight=25, watched_seconds=60, held_seconds=60)
APPROVED = Approval(who="kim", reason="it is quiet tonight")
OVERRIDE = Override(who="kim", reason="the errors are ours, ticket 12")


def unmet(detail: str) -> Judgement:
    return Judgement(unmet=(Unmet("series-present", "q", detail),))


@dataclass(frozen=True)
class Case:
    means: str
    decision: Callable[[], Decision]
    verdict: Verdict
    weight: int
    says: str = ""
    alert: bool = False


def at(
    state: State, judgement: Judgement, facts: Facts | None = None, **changes: object
) -> Callable[[], Decision]:
    return lambda: decide(plan(**changes), state, judgement, facts)


def last_of(
    windows: list[Window], rules: Rules = CALIBRATED, **changes: object
) -> Callable[[], Decision]:
    start = State(weight=windows[0].weight)
    return lambda: promote(judge(rules), plan(**changes), windows, start)[-1]


STALE = replace(READY, blind_seconds=600)
SICK = {"canary_errors": 0.2, "stable_errors": 0.2}
DEGRADED = replace(CALIBRATED, stable_degraded=True)
ALONE = {"stable": None, "canary": Arm(counts=counts(600))}
ALONE_BAD = {"stable": None, "canary": Arm(counts=counts(600, 60))}

CASES = [
    Case("no data", at(READY, unmet("empty vector")), Verdict.HOLD, 25, "query: q"),
    Case("NaN", at(READY, unmet("NaN")), Verdict.HOLD, 25, "NaN"),
    Case("provider error", at(READY, unmet("connection refused")), Verdict.HOLD, 25, "refused"),
    Case("provider hangs", at(READY, unmet("no answer in 5 s")), Verdict.HOLD, 25, "5 s"),
    Case("blind too long", at(STALE, unmet("HTTP 503")), Verdict.ASK, 5, "600 s", alert=True),
    Case(
        "counter reset: the restart goes to the guard",
        last_of([window(), window(canary=Arm(counts=counts(15), restarts=1))]),
        Verdict.ROLLBACK,
        0,
        "restarted",
    ),
    Case("low traffic", last_of([window(rps=2)] * 20), Verdict.HOLD, 5, "more requests"),
    Case(
        "stable has no traffic to compare with",
        last_of([window(stable=Arm())] * 6),
        Verdict.HOLD,
        5,
    ),
    Case(
        "stable has no traffic, and the canary fails",
        last_of([window(stable=Arm(), canary_errors=1.0)] * 10),
        Verdict.ROLLBACK,
        0,
    ),
    Case(
        "first release that keeps its SLO under load",
        last_of([window(0, **ALONE)] * 6, first_release=True),
        Verdict.ADVANCE,
        100,
    ),
    Case(
        "first release that does not",
        last_of([window(0, **ALONE_BAD)] * 6, first_release=True),
        Verdict.ROLLBACK,
        0,
    ),
    Case(
        "first release without load",
        last_of([window(0, stable=None, canary=Arm())] * 6, first_release=True),
        Verdict.HOLD,
        0,
        "more requests",
    ),
    Case(
        "superseding release",
        at(READY, SAFE, Facts(superseded_by=4)),
        Verdict.ROLLBACK,
        0,
        "superseded by version 4",
    ),
    Case(
        "stable sick, candidate well",
        last_of([window(rps=200, stable_errors=0.2)] * 6),
        Verdict.HOLD,
        5,
        "stable itself",
        alert=True,
    ),
    Case(
        "stable sick and known to be: no worse is enough",
        last_of([window(rps=200, stable_errors=0.2)] * 4, DEGRADED),
        Verdict.ADVANCE,
        10,
    ),
    Case(
        "stable sick and known to be, candidate worse",
        last_of([window(rps=200, canary_errors=0.6, stable_errors=0.1)] * 6, DEGRADED),
        Verdict.ROLLBACK,
        0,
    ),
    Case(
        "both sick",
        last_of([window(rps=200, **SICK)] * 60),
        Verdict.HOLD,
        5,
        "not the canary's fault",
        alert=True,
    ),
    Case(
        "manual edit",
        at(READY, SAFE, Facts(observed_weight=40)),
        Verdict.HOLD,
        25,
        "changed by hand",
        alert=True,
    ),
    Case(
        "override with reason",
        at(READY, HARMFUL, Facts(override=OVERRIDE)),
        Verdict.ADVANCE,
        50,
        "kim: the errors are ours, ticket 12 (against: errors)",
    ),
    Case(
        "a gate asks",
        at(READY, ASKING),
        Verdict.ASK,
        25,
        "answers differ",
        alert=True,
    ),
    Case(
        "the question of that gate was answered",
        at(READY, ASKING, Facts(approvals=(Approval(who="kim", reason="meant", gate="mirror"),))),
        Verdict.ADVANCE,
        50,
        "safe at 25 %, on to 50 %",
    ),
    Case(
        "the question of another gate was answered",
        at(READY, ASKING, Facts(approvals=(Approval(who="kim", reason="meant", gate="golden"),))),
        Verdict.ASK,
        25,
        alert=True,
    ),
    Case(
        "one step is approved that nothing speaks against",
        at(State(weight=25), SAFE, Facts(approvals=(APPROVED,))),
        Verdict.ADVANCE,
        50,
        "approved by kim: it is quiet tonight",
    ),
    Case(
        "an approval is no override",
        at(READY, HARMFUL, Facts(approvals=(APPROVED,))),
        Verdict.ROLLBACK,
        0,
    ),
    Case(
        "the configuration was changed",
        at(READY, SAFE, Facts(changed="the configuration was changed")),
        Verdict.ASK,
        25,
        "the configuration was changed; go on with it",
        alert=True,
    ),
    Case(
        "the configuration was changed, and harm is proven",
        at(READY, HARMFUL, Facts(changed="the configuration was changed")),
        Verdict.ROLLBACK,
        0,
        alert=True,
    ),
    Case(
        "an override does not bring a changed configuration into force",
        at(READY, SAFE, Facts(changed="the configuration was changed", override=OVERRIDE)),
        Verdict.ASK,
        25,
        alert=True,
    ),
    Case("harm is proven", at(READY, HARMFUL), Verdict.ROLLBACK, 0, "worse than stable"),
    Case(
        "harm is proven, but nobody calibrated",
        at(READY, HARMFUL, armed=False),
        Verdict.ASK,
        5,
        "rollback recommended",
        alert=True,
    ),
    Case("abort", at(READY, SAFE, Facts(abort="kim: demo")), Verdict.ROLLBACK, 0, "kim: demo"),
    Case(
        "rollback that fails",
        at(READY, SAFE, Facts(failed_rollback="HTTP 500")),
        Verdict.ROLLBACK,
        0,
        "HTTP 500",
        alert=True,
    ),
    Case(
        "rollback while somebody holds the stack",
        at(READY, HARMFUL, Facts(stack_locked_by="ci")),
        Verdict.ROLLBACK,
        0,
        alert=True,
    ),
    Case(
        "rollback onto a stable with too few pods",
        at(State(weight=95), HARMFUL, Facts(stable_capacity=0.5)),
        Verdict.ROLLBACK,
        58,
        "stable can take 42% of the requests, so 58 % stay",
        alert=True,
    ),
    Case(
        "rollback is never upwards",
        at(State(weight=25), HARMFUL, Facts(stable_capacity=0.5)),
        Verdict.ROLLBACK,
        25,
        alert=True,
    ),
    Case(
        "rollback of a little is at once",
        at(State(weight=10), HARMFUL, Facts(stable_capacity=0.5)),
        Verdict.ROLLBACK,
        0,
    ),
    Case(
        "100 % comes after the last watch",
        at(State(weight=95, watched_seconds=599), SAFE),
        Verdict.HOLD,
        95,
        "599 of 600",
    ),
    Case(
        "100 % reached",
        at(State(weight=95, watched_seconds=600), SAFE),
        Verdict.ADVANCE,
        100,
    ),
    Case("after 100 % the watch goes on", at(State(weight=100), HARMFUL), Verdict.HOLD, 100),
    Case(
        "after 100 % a guard asks to revert",
        at(State(weight=100), Judgement(findings=(Finding(gate="golden", guard="wrong"),))),
        Verdict.ASK,
        100,
        "revert",
        alert=True,
    ),
    Case(
        "undecided for an hour",
        at(replace(READY, held_seconds=3600), UNCLEAR),
        Verdict.ASK,
        5,
        "errors needs about 40 more requests",
        alert=True,
    ),
    Case(
        "suspect where stable is too small to compare with",
        at(State(weight=95), SUSPECT),
        Verdict.HOLD,
        50,
        "one step back",
    ),
    Case(
        "some doubt",
        at(READY, replace(SAFE, harm=2.0)),
        Verdict.HOLD,
        25,
        "not proven, not dismissed",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.means)
def test_hard_case(case: Case) -> None:
    decision = case.decision()
    assert (decision.verdict, decision.weight) == (case.verdict, case.weight)
    assert case.says in decision.reason
    assert decision.alert == case.alert


def test_an_override_needs_a_name_and_a_reason() -> None:
    with pytest.raises(ValueError, match="a name and a reason"):
        Override(who="kim", reason=" ")
    with pytest.raises(ValueError, match="a name and a reason"):
        Approval(who="", reason="meant")


@pytest.mark.parametrize(
    "facts",
    [Facts(failed_rollback="x"), Facts(stack_locked_by="ci"), Facts(changed="it was changed")],
)
def test_a_rollback_that_cannot_wait_takes_the_break_glass_path(facts: Facts) -> None:
    assert decide(plan(), READY, HARMFUL, facts).break_glass


def test_a_restart_in_the_middle_decides_as_if_nothing_had_happened() -> None:
    one, traffic = judge(), [window(0), *[window()] * 6, *[window(10, canary_errors=0.04)] * 30]
    straight = promote(one, plan(), traffic)
    state, evidence, resumed = State(), Evidence(), []
    for each in traffic[: len(straight)]:
        state, evidence = (
            State.from_json(state.to_json()),
            Evidence.from_json(evidence.to_json()),
        )
        evidence, judgement = one.judge(evidence, each)
        state = observed(state, each)
        resumed.append(decide(plan(), state, judgement))
        state = acted(state, resumed[-1])
    assert resumed == straight
    assert resumed[-1].verdict is Verdict.ROLLBACK


def test_no_length_of_time_without_evidence_promotes() -> None:
    idle = window(canary=Arm(), stable=Arm())
    for traffic in ([blind()] * 1000, [idle] * 1000):
        decisions = promote(judge(), plan(), traffic, State(weight=5))
        assert {d.verdict for d in decisions} <= {Verdict.HOLD, Verdict.ASK}
        assert {d.weight for d in decisions} == {5}


def test_the_clock_stands_still_while_metrics_are_missing() -> None:
    state = State(weight=5)
    for each in [window(), *[blind()] * 100, window()]:
        state = observed(state, each)
    assert state.watched_seconds == 30
    assert state.blind_seconds == 0


def test_a_healthy_version_takes_every_step_in_order() -> None:
    weights = (w for w in (0, 5, 10, 25, 50, 95) for _ in range(300))
    taken, state, evidence, one = [], State(), Evidence(), judge()
    for _ in weights:
        evidence, judgement = one.judge(evidence, window(state.weight, rps=200))
        state = observed(state, window(state.weight))
        decision = decide(plan(), state, judgement)
        if decision.weight != state.weight:
            taken.append(decision.weight)
        state = acted(state, decision)
        if state.weight == 100:
            break
    assert taken == [5, 10, 25, 50, 95, 100]


def test_with_mirroring_users_wait_for_the_mirrored_requests() -> None:
    mirrored = window(0, canary=Arm(counts=counts(30)), stable=Arm(counts=counts(270)))
    decisions = promote(judge(), plan(shadow=True), [mirrored] * 6)
    assert [d.verdict for d in decisions[:2]] == [Verdict.HOLD] * 2
    assert decisions[-1].weight == 5 or decisions[-1].verdict is Verdict.HOLD
    assert any(d.verdict is Verdict.ADVANCE for d in decisions)


def test_a_plan_comes_from_the_contract_and_watches_longest_before_everybody_gets_it() -> None:
    made = Plan.of(Rollout(min_step_seconds=240), armed=True)
    assert made.steps == (5, 10, 25, 50, 95)
    assert made.dwell_seconds == (240, 240, 240, 240, 480)


@pytest.mark.parametrize("steps", [(), (0, 5), (5, 5), (10, 5), (5, 100)])
def test_steps_that_do_not_rise_below_100_are_refused(steps: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="steps must rise"):
        plan(steps=steps, dwell_seconds=(1,) * len(steps))


def test_judging_an_unmet_window_of_a_wrong_weight_changes_nothing() -> None:
    assert judged(judge(), [blind(weight=95)]).harm == 0


def test_a_share_at_its_limit_is_not_said_to_need_more_requests() -> None:
    undecided = Judgement(findings=(Finding(gate="p99", safe=0.5, needs=0), *UNCLEAR.findings))
    assert "p99 is too close to its limit" in decide(plan(), READY, undecided).reason
