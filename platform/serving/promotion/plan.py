"""What to do after each window: advance, hold, ask or roll back. Pure: replay decides the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, exp, inf, log

from serving.promotion.decision import Decision, Facts, State, Verdict
from serving.promotion.gate import Finding
from serving.promotion.judge import Judgement
from serving.promotion.measurement import Window
from serving.promotion.steps import Plan

STALE_SECONDS = 600.0
"""Without usable metrics for so long, the weight goes to the first step and a person is asked."""
ASK_SECONDS = 3600.0
"""Held at one step for so long, likewise."""
DOUBT = -log(0.2)
"""Log evidence of harm from which the weight does not rise, though it accuses nobody yet."""
UNSETTLED = log(20)
"""Log evidence of recent trouble from which the weight does not rise …"""
SUSPECT = log(1000)
"""… and from which it falls, where stable is too small to compare with."""
COMPARABLE_WEIGHT = 50
"""Above it stable gets too little traffic to compare a suspect canary with quickly."""
USABLE_CAPACITY = 0.85
LITTLE_WEIGHT = 10
"""Up to it stable takes all back at once, however busy it is."""


def decide(plan: Plan, state: State, judgement: Judgement, facts: Facts | None = None) -> Decision:
    facts = facts or Facts()
    return (
        _commanded(state, facts)
        or _promoted(state, judgement)
        or _harmful(plan, state, judgement, facts)
        or _changed(state, facts)
        or _undecidable(plan, state, judgement)
        or _warned(plan, state, judgement, facts)
        or _earned(plan, state, judgement, facts)
    )


def _commanded(state: State, facts: Facts) -> Decision | None:
    """What people and other programs have settled already."""
    if facts.failed_rollback:
        return Decision(
            verdict=Verdict.ROLLBACK,
            weight=0,
            reason=f"rolling back failed, so the route is changed directly: "
            f"{facts.failed_rollback}",
            break_glass=True,
            alert=True,
        )
    if facts.abort:
        return _rollback(state, facts, f"aborted: {facts.abort}")
    if facts.superseded_by is not None:
        return _rollback(
            state, facts, f"superseded by version {facts.superseded_by}, which starts afresh"
        )
    if facts.observed_weight is not None and facts.observed_weight != state.weight:
        return Decision(
            verdict=Verdict.HOLD,
            weight=state.weight,
            reason=f"the weight was changed by hand: {state.weight} was set, "
            f"{facts.observed_weight} is in force; it is left alone",
            alert=True,
        )
    return None


def _promoted(state: State, judgement: Judgement) -> Decision | None:
    """After 100 % there is nothing left to compare with: a person is told, and may revert."""
    if state.weight < 100:
        return None
    for finding in judgement.findings:
        if finding.guard or finding.step_back:
            return Decision(
                verdict=Verdict.ASK,
                weight=100,
                reason=f"revert to the previous version? {finding.guard or finding.step_back}",
                gate=finding.gate,
                alert=True,
            )
    return Decision(verdict=Verdict.HOLD, weight=100, reason="promoted; the watch goes on")


def _harmful(plan: Plan, state: State, judgement: Judgement, facts: Facts) -> Decision | None:
    proven = judgement.harm >= -log(plan.false_rollback)
    guards = [finding for finding in judgement.findings if finding.guard]
    if facts.override is not None and not facts.changed:
        said = _worst(judgement).gate if proven else guards[0].gate if guards else "none"
        reason = f"overridden by {facts.override.who}: {facts.override.reason} (against: {said})"
        return Decision(verdict=Verdict.ADVANCE, weight=plan.after(state.weight), reason=reason)
    if guards:
        return _rollback(state, facts, guards[0].guard, guards[0].gate)
    for finding in judgement.findings:
        if finding.step_back and state.weight:
            return _stepping_back(plan, state, facts, finding)
    if not proven:
        return None
    worst = _worst(judgement)
    beside = "worse than stable and " if judgement.compared else ""
    reason = f"{beside}over its limit, evidence {_times(judgement.harm)} to 1"
    if plan.armed:
        return _rollback(state, facts, reason, worst.gate)
    return Decision(
        verdict=Verdict.ASK,
        weight=min(state.weight, plan.steps[0]),
        reason=f"rollback recommended: {reason}; not calibrated, so a person decides",
        gate=worst.gate,
        alert=True,
    )


def _changed(state: State, facts: Facts) -> Decision | None:
    """Nobody has seen what the next update would bring into force besides the weight."""
    if not facts.changed:
        return None
    return Decision(
        verdict=Verdict.ASK,
        weight=state.weight,
        reason=f"{facts.changed}; go on with it (`serving promote approve` with --config), or "
        "abort",
        alert=True,
    )


def _undecidable(plan: Plan, state: State, judgement: Judgement) -> Decision | None:
    """Without data nothing is promoted and nobody is accused, however long it lasts."""
    if not judgement.unmet:
        return None
    reason = "; ".join(map(str, judgement.unmet))
    if state.blind_seconds < STALE_SECONDS:
        return Decision(verdict=Verdict.HOLD, weight=state.weight, reason=reason)
    return Decision(
        verdict=Verdict.ASK,
        weight=min(state.weight, plan.steps[0]),
        reason=f"no usable metrics for {state.blind_seconds:.0f} s: {reason}",
        alert=True,
    )


def _warned(plan: Plan, state: State, judgement: Judgement, facts: Facts) -> Decision | None:
    """Nothing is proven, but the weight must not rise; or it must fall."""
    if not judgement.stable_well:
        both = ", and so is the canary: not the canary's fault" if judgement.canary_sick else ""
        return Decision(
            verdict=Verdict.HOLD,
            weight=state.weight,
            reason=f"stable itself is over its limits{both}",
            alert=judgement.stable_sick,
        )
    for finding in judgement.findings:
        suspect = finding.safe is not None and finding.suspicion >= SUSPECT
        if suspect and state.weight > COMPARABLE_WEIGHT:
            return Decision(
                verdict=Verdict.HOLD,
                weight=plan.before(state.weight),
                reason="over its limit, but too little traffic on stable to compare with: one "
                "step back",
                gate=finding.gate,
            )
    approved = {approval.gate for approval in facts.approvals}
    asking = [f for f in judgement.findings if f.ask and f.gate not in approved]
    for verdict, said in (
        (Verdict.ASK, [(f.gate, f.ask) for f in asking]),
        (Verdict.HOLD, [(f.gate, f.block) for f in judgement.findings if f.block]),
    ):
        if said:
            gate, reason = said[0]
            alert = verdict is Verdict.ASK
            return Decision(
                verdict=verdict, weight=state.weight, reason=reason, gate=gate, alert=alert
            )
    return None


def _earned(plan: Plan, state: State, judgement: Judgement, facts: Facts) -> Decision:
    """Success is never a default: every gate that can testify must have done so."""
    goal = -log(plan.false_advance)
    lacking = [f for f in judgement.findings if f.safe is not None and f.safe < goal]
    testified = any(f.safe is not None for f in judgement.findings)
    dwell = plan.dwell(state.weight)
    approval = next((each for each in facts.approvals if not each.gate), None)
    if not state.weight and not plan.shadow and not plan.loaded:
        lacking, testified = [], True
    unsettled = [
        f.gate for f in judgement.findings if f.safe is not None and f.suspicion >= UNSETTLED
    ]
    if unsettled and state.weight:
        reason = f"{unsettled[0]} may be over its limit: not proven, not dismissed"
    elif judgement.harm >= DOUBT:
        reason = f"evidence of harm {_times(judgement.harm)} to 1: not proven, not dismissed"
    elif approval is not None:
        return _advance(plan, state, f"approved by {approval.who}: {approval.reason}")
    elif lacking or not testified:
        reason = _lacking(lacking)
    elif state.watched_seconds < dwell:
        reason = f"watched for {state.watched_seconds:.0f} of {dwell:.0f} s"
    else:
        return _advance(plan, state, f"safe at {state.weight} %")
    if state.held_seconds < ASK_SECONDS:
        return Decision(verdict=Verdict.HOLD, weight=state.weight, reason=reason)
    return Decision(
        verdict=Verdict.ASK,
        weight=min(state.weight, plan.steps[0]),
        reason=f"undecided for {state.held_seconds:.0f} s: {reason}",
        alert=True,
    )


def _advance(plan: Plan, state: State, reason: str) -> Decision:
    to = plan.after(state.weight)
    return Decision(verdict=Verdict.ADVANCE, weight=to, reason=f"{reason}, on to {to} %")


def _lacking(findings: Sequence[Finding]) -> str:
    if not findings:
        return "no gate has testified yet"
    most = max(findings, key=lambda finding: finding.needs or inf)
    if not most.needs:
        return f"{most.gate} is too close to its limit for more requests to settle it"
    return f"{most.gate} needs about {most.needs} more requests"


def observed(state: State, window: Window) -> State:
    """The state as `decide` is to see it after this window."""
    if window.unmet:
        return replace(
            state,
            blind_seconds=state.blind_seconds + window.seconds,
            held_seconds=state.held_seconds + window.seconds,
        )
    return replace(
        state,
        watched_seconds=state.watched_seconds + window.seconds,
        held_seconds=state.held_seconds + window.seconds,
        blind_seconds=0.0,
    )


def acted(state: State, decision: Decision) -> State:
    """The state once the decision is in force."""
    if decision.weight == state.weight:
        return state
    back = decision.verdict is Verdict.HOLD and decision.gate == "pending"
    return State(
        weight=decision.weight,
        blind_seconds=state.blind_seconds,
        stepped_back=state.stepped_back or back,
    )


def _rollback(state: State, facts: Facts, reason: str, gate: str = "") -> Decision:
    """At once where stable can take it all, or hardly notices; otherwise as far as it can."""
    usable = min(facts.stable_capacity * USABLE_CAPACITY, 1.0)
    left = ceil(100 * (1 - usable) - 1e-9) if state.weight > LITTLE_WEIGHT else 0
    weight = min(state.weight, left)  # never upwards
    if weight:
        reason = f"{reason}; stable can take {usable:.0%} of the requests, so {weight} % stay"
    direct = bool(facts.stack_locked_by or facts.changed)
    return Decision(
        verdict=Verdict.ROLLBACK,
        weight=weight,
        reason=reason,
        gate=gate,
        break_glass=direct,
        alert=direct or bool(weight),
    )


def _stepping_back(plan: Plan, state: State, facts: Facts, finding: Finding) -> Decision:
    lowest = state.weight == plan.steps[0]
    if lowest or state.stepped_back:
        return _rollback(state, facts, finding.step_back, finding.gate)
    return Decision(
        verdict=Verdict.HOLD,
        weight=plan.before(state.weight),
        reason=f"{finding.step_back}: one step back",
        gate=finding.gate,
        alert=True,
    )


def _worst(judgement: Judgement) -> Finding:
    return max(judgement.findings, key=lambda finding: finding.harm)


def _times(log_evidence: float) -> str:
    return f"{exp(min(log_evidence, 700.0)):.3g}"
