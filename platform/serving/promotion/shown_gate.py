"""How far each gate of a promotion is from deciding, as a person is shown it."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Final

from serving.promotion.course import Course
from serving.promotion.gate import Finding, Gate
from serving.promotion.lines import Tone

LARGEST: Final = 700.0
"""Logarithm above which a number is told no larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownGate:
    """One gate: how far it is from deciding."""

    name: str
    harm: float | None
    """As a logarithm, part of what would roll back if this gate spoke alone; None: it has no say
    in that."""
    harm_odds: float
    safe: float | None
    """Part of what an advance asks for; None: it has no say in that."""
    needs: int
    """Requests until then, where that is known."""
    says: str
    """What it has to say besides."""
    tone: Tone


def part(harm: float, false_rollback: float) -> float:
    return min(max(harm / -log(false_rollback), 0.0), 1.0)


def odds(harm: float) -> float:
    return exp(min(harm, LARGEST))


def shown_gates(course: Course) -> tuple[ShownGate, ...]:
    findings = {finding.gate: finding for finding in course.judgement.findings}
    total = sum(gate.budget for gate in course.judge.gates)
    return tuple(
        _gate(course, gate, findings.get(gate.name), gate.budget / total if total else 0.0)
        for gate in course.judge.gates
    )


def _gate(course: Course, gate: Gate, finding: Finding | None, budget: float) -> ShownGate:
    plan = course.started.plan
    finding = finding or Finding(gate=gate.name)
    said: tuple[tuple[str, Tone], ...] = (
        (finding.guard, "bad"),
        (finding.step_back, "bad"),
        (finding.ask, "doubt"),
        (finding.block, "doubt"),
        (finding.note, "calm"),
    )
    says, tone = next(((text, tone) for text, tone in said if text), ("", "calm"))
    safe = finding.safe
    harm = log(budget) + finding.harm if budget else 0.0
    return ShownGate(
        name=gate.name,
        harm=part(harm, plan.false_rollback) if budget else None,
        harm_odds=odds(harm),
        safe=None if safe is None else min(max(safe / -log(plan.false_advance), 0.0), 1.0),
        needs=finding.needs,
        says=says,
        tone=tone,
    )
