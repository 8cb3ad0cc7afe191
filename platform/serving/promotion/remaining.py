"""How long a promotion still takes, if requests go on as they come and as well as so far."""

from __future__ import annotations

from math import log

from serving.promotion.course import Course
from serving.promotion.evidence import requests_to_go, safety
from serving.promotion.gate import Memory
from serving.promotion.judge import WARM_UP_WINDOWS, margin_at
from serving.promotion.share_gate import ShareGate, bad_limit


def at_this_weight(course: Course, rps: float) -> float | None:
    """Seconds; `rps` of both arms together. None where more requests would not settle it."""
    state, plan = course.state, course.started.plan
    if state.weight == 100:
        return max(plan.watch_seconds - state.held_seconds, 0.0)
    if state.weight not in plan.steps:
        return None
    gates = [gate for gate in course.judge.gates if isinstance(gate, ShareGate)]
    needs = [_needed(course, gate, state.weight) for gate in gates]
    dwell = plan.dwell(state.weight) - state.watched_seconds
    return _seconds(needs, rps * state.weight / 100, dwell)


def in_all(course: Course, rps: float) -> float | None:
    """Until all requests reach the version; the changes of the weight themselves left out."""
    state, plan = course.state, course.started.plan
    if state.weight == 100 or plan.first_release:
        return None
    total = 0.0 if state.weight not in plan.steps else at_this_weight(course, rps)
    gates = [gate for gate in course.judge.gates if isinstance(gate, ShareGate)]
    warm_up = WARM_UP_WINDOWS * course.window.seconds if course.window else 0.0
    for step, dwell in zip(plan.steps, plan.dwell_seconds, strict=True):
        if step <= state.weight:
            continue
        needs = [_needed(course, gate, step) for gate in gates]
        took = _seconds(needs, rps * step / 100, dwell)
        if took is None or total is None:
            return None
        total += took + warm_up
    return total


def _needed(course: Course, gate: ShareGate, weight: int) -> int | None:
    """Requests of the canary; afresh at a later weight, with as many bad ones as here."""
    memory = course.evidence.gates.get(gate.name, Memory())
    dispersion = gate.rules.dispersion_of(gate.name)
    bound = max(margin_at(weight if course.started.stable else 100), bad_limit(gate.limit))
    goal = -log(course.started.plan.false_advance)
    if weight != course.state.weight:
        goal += safety(memory.requests, memory.bad, bound, dispersion)
    return requests_to_go(memory.requests, memory.bad, bound, dispersion, goal)


def _seconds(needs: list[int | None], rps: float, dwell: float) -> float | None:
    known = [each for each in needs if each is not None]
    if len(known) < len(needs) or not rps:
        return None
    return max(max(known, default=0) / rps, dwell, 0.0)
