"""The records of a promotion that matter to who watches it, one line each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from serving.promotion.course import Course
from serving.promotion.decision import Verdict
from serving.promotion.record import (
    DIGITS,
    Body,
    Decided,
    Effect,
    Ended,
    Intent,
    Record,
    Resumed,
    Started,
    Undelivered,
    Waived,
)

Tone: TypeAlias = Literal["good", "bad", "doubt", "calm"]
TONES: Final[Mapping[str, Tone]] = {
    "advance": "good",
    "promoted": "good",
    "rollback": "bad",
    "rolled back": "bad",
    "rollback failed": "bad",
    "failed": "bad",
    "not delivered": "bad",
    "ask": "doubt",
    "asks": "doubt",
    "held": "doubt",
    "interrupted": "doubt",
}
AGAIN_SECONDS: Final = 60.0
"""Two reasons to hold may take turns with each window: neither is told again before."""
LONGEST: Final = 400
"""Characters of a line; `serving promote explain` tells the rest of what a log said."""
_REMEMBERED: Final = 8
_NUMBER: Final = re.compile(r"\d[\d.,e+]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    at: str
    """UTC, as recorded."""
    model: str
    version: int
    what: str
    text: str = ""

    @property
    def tone(self) -> Tone:
        return TONES.get(self.what, "calm")

    @property
    def said(self) -> str:
        return f"{self.what}: {self.text}" if self.text else self.what

    def __str__(self) -> str:
        at = datetime.fromisoformat(self.at).astimezone(UTC)
        said = self.said if len(self.said) <= LONGEST else f"{self.said[: LONGEST - 1]}…"
        return f"{at:%Y-%m-%dT%H:%M:%SZ} {self.model} {self.version} {said}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Remembers what a line needs from the records before it; holds are told once."""

    intent: Intent | None = None
    since: str = ""
    """When the intent was recorded."""
    decided: tuple[tuple[str, str], ...] = ()
    """Decisions of late, without the numbers that change with each window, and when told."""

    def after(self, course: Course, record: Record) -> tuple[Teller, Line | None]:
        """`course` after the record."""
        body = record.body
        if isinstance(body, Intent):
            return replace(self, intent=body, since=record.at), None
        told = self._told(course, record)
        if told is None:
            return self, None
        started, (what, text) = course.started, told
        line = Line(
            at=record.at, model=started.model, version=started.version, what=what, text=text
        )
        return self._remembering(record), line

    def _remembering(self, record: Record) -> Teller:
        if not isinstance(record.body, Decided):
            return self
        said = _said(record.body)
        others = [each for each in self.decided if each[0] != said]
        return replace(self, decided=(*others, (said, record.at))[-_REMEMBERED:])

    def _told(self, course: Course, record: Record) -> tuple[str, str] | None:
        body = record.body
        match body:
            case Started():
                against = f"against version {body.stable}" if body.stable else "the first release"
                return "started", f"{against}, by {body.who}"
            case Decided():
                return None if self._known(record.at, body) else _decided(body)
            case Effect():
                return self._effect(record.at, body)
            case Ended():
                return str(body.outcome), f"at {body.weight} %: {body.reason}"
        return _of_people(body)

    def _known(self, at: str, body: Decided) -> bool:
        """Told a moment ago, and it moves nothing."""
        if self.decided and self.decided[-1][0] == _said(body):
            return True
        told = dict(self.decided).get(_said(body))
        holds = body.decision.verdict is Verdict.HOLD
        return holds and told is not None and seconds_between(told, at) < AGAIN_SECONDS

    def _effect(self, at: str, body: Effect) -> tuple[str, str] | None:
        if self.intent is None:
            return None
        action = self.intent.action
        if self.intent.weight is not None:
            action = f"{action} to {self.intent.weight} %"
        if not body.confirmed:
            return "failed", f"{action}: {body.detail}"
        detail = f"; {body.detail}" if body.detail else ""
        return "done", f"{action}, in {seconds_between(self.since, at):.1f} s{detail}"


def _decided(body: Decided) -> tuple[str, str]:
    decision = body.decision
    moves = decision.weight != body.state.weight
    weight = f"{body.state.weight} → {decision.weight} %" if moves else f"at {decision.weight} %"
    gate = f" ({decision.gate})" if decision.gate else ""
    return str(decision.verdict), f"{weight}, {decision.reason}{gate}"


def _of_people(body: Body) -> tuple[str, str] | None:
    match body:
        case Resumed():
            return "resumed", f"by {body.who}"
        case Waived():
            return "waived", f"{body.what}, by {body.who}: {body.reason}"
        case Undelivered():
            return "not delivered", f"to {body.to}: {body.problem}"
    return None


def _said(body: Decided) -> str:
    decision = body.decision
    reason = _NUMBER.sub("#", decision.reason)
    return f"{decision.verdict} {body.state.weight} {decision.weight} {decision.gate} {reason}"


def seconds_between(since: str, at: str) -> float:
    return (datetime.fromisoformat(at) - datetime.fromisoformat(since)).total_seconds()


def document(course: Course, record: Record) -> dict[str, Any]:
    """A record for programs, with the course after it."""
    started, decided, ended = course.started, course.decided, course.ended
    decision = decided.decision if decided else None
    reason = ended.reason if ended else decision.reason if decision else ""
    return {
        "at": record.at,
        "number": record.number,
        "kind": record.kind,
        "model": started.model,
        "version": started.version,
        "stable": started.stable,
        "weight": course.state.weight,
        "doing": course.intent.action if course.intent else None,
        "verdict": str(decision.verdict) if decision else None,
        "reason": reason,
        "gate": decision.gate if decision else "",
        "outcome": ended.outcome if ended else None,
        "harm": round(course.judgement.harm, DIGITS),
        "evidence": {
            finding.gate: {
                "harm": round(finding.harm, DIGITS),
                "safe": None if finding.safe is None else round(finding.safe, DIGITS),
                "needs": finding.needs,
            }
            for finding in course.judgement.findings
        },
    }
