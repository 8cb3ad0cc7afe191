"""A promotion made small enough for one page, however long it ran."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from serving.promotion.course import Course
from serving.promotion.measurement import Arm
from serving.promotion.record import Body, Decided, Ended, Record, Resumed, Started, Waived
from serving.promotion.replay import followed
from serving.promotion.share_gate import ShareGate

MOST_SLICES: Final = 240
"""Even, so that joined in pairs all but the last are equally long."""
MOST_CHANGES: Final = 200


@dataclass(slots=True, kw_only=True)
class Tally:
    requests: int = 0
    errors: int = 0
    slow: int = 0

    def add(self, other: Tally) -> None:
        self.requests += other.requests
        self.errors += other.errors
        self.slow += other.slow


@dataclass(slots=True, kw_only=True)
class Slice:
    """Some windows, one after the other."""

    begin: float
    end: float
    weight: int
    canary: Tally
    stable: Tally
    harm: float | None
    """Highest in it; None while there were no usable metrics."""
    safe: float | None
    """Of the gate that is least convinced."""

    def join(self, later: Slice) -> None:
        self.end, self.weight = later.end, later.weight
        self.canary.add(later.canary)
        self.stable.add(later.stable)
        self.harm = max((h for h in (self.harm, later.harm) if h is not None), default=None)
        self.safe = self.safe if later.safe is None else later.safe


@dataclass(slots=True, kw_only=True)
class Change:
    """Decisions in a row that say the same, or something a person did."""

    first: str
    last: str
    line: int
    """Of the last one."""
    what: str
    weight: int | None
    reason: str
    gate: str = ""
    count: int = 1

    def same(self, other: Change) -> bool:
        mine = self.what, self.weight, self.gate
        return mine == (other.what, other.weight, other.gate)


@dataclass(slots=True, kw_only=True)
class Timeline:
    started: Started
    begin: str
    end: str = ""
    head: str = ""
    records: int = 0
    ended: Ended | None = None
    slices: list[Slice] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    left_out: int = 0
    """Changes in the middle that are too many to show."""
    _windows_each: int = 1
    _windows_in_last: int = 0

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        line: Self | None = None
        for course, record in followed(records):
            if isinstance(record.body, Started):
                line = cls(started=record.body, begin=record.at)
            if line is not None:
                line._take(course, record)
        if line is None:
            raise TypeError("no records")
        return line

    def _take(self, course: Course, record: Record) -> None:
        body = record.body
        self.end, self.head, self.records = record.at, record.hash, record.number
        self.ended = body if isinstance(body, Ended) else None
        if isinstance(body, Decided):
            self._draw(course, body)
        if (change := _change(record, body)) is not None:
            self._note(change)

    def _draw(self, course: Course, decided: Decided) -> None:
        new = _slice(course, decided)
        if new is None:
            return
        if self.slices and self._windows_in_last < self._windows_each:
            self.slices[-1].join(new)
            self._windows_in_last += 1
            return
        self.slices.append(new)
        self._windows_in_last = 1
        if len(self.slices) > MOST_SLICES:
            for even, odd in zip(self.slices[::2], self.slices[1::2], strict=False):
                even.join(odd)
            del self.slices[1::2]
            self._windows_each *= 2

    def _note(self, change: Change) -> None:
        if self.changes and self.changes[-1].same(change):
            before = self.changes[-1]
            change.first, change.count = before.first, before.count + 1
            self.changes[-1] = change
            return
        self.changes.append(change)
        if len(self.changes) > MOST_CHANGES:
            del self.changes[MOST_CHANGES // 2]
            self.left_out += 1


def _change(record: Record, body: Body) -> Change | None:
    weight: int | None = None
    gate = ""
    match body:
        case Decided(decision=decision):
            what, weight = str(decision.verdict), decision.weight
            reason, gate = decision.reason, decision.gate
        case Waived():
            what, reason = "waived", f"{body.what}, by {body.who}: {body.reason}"
        case Resumed():
            what, reason = "resumed", f"by {body.who}"
        case Ended():
            what, weight, reason = str(body.outcome), body.weight, body.reason
        case _:
            return None
    return Change(
        first=record.at,
        last=record.at,
        line=record.number,
        what=what,
        weight=weight,
        reason=reason,
        gate=gate,
    )


def _slice(course: Course, decided: Decided) -> Slice | None:
    window = course.window
    if window is None:
        return None
    p99 = next(
        (g for g in course.judge.gates if isinstance(g, ShareGate) and g.name == "p99"), None
    )

    def tally(arm: Arm | None) -> Tally:
        if arm is None or window.unmet:
            return Tally()
        counts = arm.counts
        slow = p99.bad(counts) if p99 else 0
        return Tally(requests=counts.requests, errors=counts.errors, slow=slow)

    safes = [f.safe for f in decided.judgement.findings if f.safe is not None]
    return Slice(
        begin=window.started,
        end=window.started + window.seconds,
        weight=window.weight,
        canary=tally(window.canary),
        stable=tally(window.stable),
        harm=None if window.unmet else decided.judgement.harm,
        safe=min(safes, default=None),
    )
