"""Says in plain words why a recorded promotion did what it did, and what would change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log

from serving.promotion.course import Course
from serving.promotion.decision import Verdict
from serving.promotion.gate import Memory
from serving.promotion.judge import Evidence
from serving.promotion.measurement import Window
from serving.promotion.plan import DOUBT, UNSETTLED
from serving.promotion.record import Decided, Ended, Record
from serving.promotion.replay import followed
from serving.promotion.seen import odds, said_by, seen_by


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    course: Course
    record: Record
    decided: Decided
    window: Window | None
    evidence: Evidence


def explain(records: Iterable[Record], line: int | None = None) -> str | None:
    """The decision at that line, or the last one; None where there is none."""
    moment, ended = None, None
    for course, record in followed(records):
        body = record.body
        if isinstance(body, Decided) and line in (None, record.number):
            moment = _Moment(
                course=course,
                record=record,
                decided=body,
                window=course.window,
                evidence=course.evidence,
            )
        ended = body if isinstance(body, Ended) else None
    if moment is None:
        return None
    lines = [*_head(moment), *_gates(moment), "", "what would change it:"]
    lines += [f"  - {change}" for change in _changes(moment)]
    if ended is not None:
        lines += ["", f"the promotion ended: {ended.outcome} at {ended.weight} %: {ended.reason}"]
    return "\n".join(lines)


def _head(moment: _Moment) -> Iterator[str]:
    started, decided = moment.course.started, moment.decided
    decision, state = decided.decision, decided.state
    against = f"against version {started.stable}" if started.stable else "the first release"
    yield f"{started.model} version {started.version}, {against}; started by {started.who}"
    yield f"line {moment.record.number}, {moment.record.at}:"
    yield ""
    to = f", weight {state.weight} → {decision.weight} %"
    yield f"{decision.verdict}" + (
        to if decision.weight != state.weight else f" at {state.weight} %"
    )
    yield f"because: {decision.reason}" + (f" (gate {decision.gate})" if decision.gate else "")
    yield (
        f"so far at {state.weight} %: watched {state.watched_seconds:.0f} s, "
        f"held {state.held_seconds:.0f} s, without metrics {state.blind_seconds:.0f} s"
    )
    plan = started.plan
    yield (
        f"harm of all gates together: {odds(decided.judgement.harm)}; "
        f"{'rolls back' if plan.armed else 'recommends to roll back (not calibrated)'} at "
        f"{odds(-log(plan.false_rollback))}, does not advance from {odds(DOUBT)} on"
    )
    facts = decided.facts
    if facts.override is not None:
        yield f"overridden by {facts.override.who}: {facts.override.reason}"
    for approval in facts.approvals:
        what = f"gate {approval.gate}" if approval.gate else "one step"
        yield f"{what} approved by {approval.who}: {approval.reason}"
    if (accepted := facts.accepted) is not None:
        yield f"the changed configuration accepted by {accepted.who}: {accepted.reason}"


def _gates(moment: _Moment) -> Iterator[str]:
    goal = -log(moment.course.started.plan.false_advance)
    window = moment.window
    findings = {finding.gate: finding for finding in moment.decided.judgement.findings}
    for gate in moment.course.judge.gates if window is not None else ():
        if gate.name not in findings or window is None:
            continue
        memory = moment.evidence.gates.get(gate.name, Memory())
        yield ""
        yield f"{gate.name}"
        yield f"  asks whether: {gate.null}"
        yield f"  from: {gate.source}"
        yield f"  saw: {seen_by(gate, memory, window)}"
        yield f"  says: {said_by(findings[gate.name], goal)}"


def _changes(moment: _Moment) -> Iterator[str]:
    decision = moment.decided.decision
    if decision.verdict is Verdict.ADVANCE:
        yield f"evidence of harm at {decision.weight} %, where everything is asked afresh"
    elif decision.verdict is Verdict.ROLLBACK:
        yield "nothing in this promotion: mend the cause, publish a new version, promote that"
    elif decision.verdict is Verdict.ASK:
        yield "a person who knows better and overrides it, with name and reason"
        yield "a person who agrees with the doubt and aborts it"
        yield from _lacking(moment)
    else:
        yield from _lacking(moment)


def _lacking(moment: _Moment) -> Iterator[str]:
    """Everything that stands between this decision and an increase of the weight."""
    decided, plan = moment.decided, moment.course.started.plan
    state, judgement, window = decided.state, decided.judgement, moment.window
    seen = decided.facts.observed_weight
    if seen is not None and seen != state.weight:
        yield f"the weight back at {state.weight} %, which somebody set to {seen} %"
    if window is not None and window.unmet:
        for unmet in window.unmet:
            yield f"{unmet.name} as it should be ({unmet.detail or 'no answer'}): {unmet.query}"
        return
    if not judgement.stable_well:
        yield "stable within its own limits again"
    for finding in judgement.findings:
        if finding.block or finding.ask:
            yield f"{finding.gate}: no longer that {finding.block or finding.ask}"
        if finding.safe is not None and finding.suspicion >= UNSETTLED:
            yield f"{finding.gate}: windows without signs that it is over its limit"
    if judgement.harm >= DOUBT:
        yield f"harm below {odds(DOUBT)} (advances) or at {odds(-log(plan.false_rollback))}"
    needed = max((finding.needs for finding in judgement.findings), default=0)
    rate = window.canary.counts.requests / window.seconds if window is not None else 0.0
    if needed:
        time = f", about {needed / rate:.0f} s at {rate:.3g} a second" if rate else ""
        yield f"about {needed} more requests to the canary that go as those so far{time}"
    taken = sum(step <= state.weight for step in plan.steps)
    left = plan.dwell_seconds[taken - 1] - state.watched_seconds if taken else 0.0
    if left > 0:
        yield f"{left:.0f} s more of watching"
