"""What a person is shown of a promotion while it runs, record by record; its size does not grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

from serving.promotion import remaining
from serving.promotion.course import Course
from serving.promotion.lines import TONES, Line, Teller, Tone
from serving.promotion.measurement import Window
from serving.promotion.plan import DOUBT
from serving.promotion.record import Observed, Outcome, Record
from serving.promotion.shown_arm import ShownArm, shown_arms
from serving.promotion.shown_gate import ShownGate, odds, part, shown_gates

RECENT_SECONDS: Final = 60.0
"""Rates and shares are of so long a time, at one weight."""
MOST_LINES: Final = 40
MOST_WINDOWS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    model: str
    version: int
    stable: int | None
    who: str
    began: str
    at: str
    """UTC, of the last record."""
    weight: int
    steps: Sequence[int]
    phase: str
    acting: bool = False
    """In the middle of an effect."""
    verdict: str = ""
    outcome: Outcome | None = None
    reason: str = ""
    gate: str = ""
    armed: bool
    step_seconds: float = 0.0
    """Since the weight last changed, by the windows observed."""
    here_seconds: float | None = None
    """Expected until this step is passed; None where it cannot be told."""
    left_seconds: float | None = None
    """Expected until 100 %."""
    limits: tuple[float, float, float]
    """Of errors as a share, of p50 and p99 in milliseconds."""
    queue_limit: float
    rolls_back_at: float
    """Evidence of harm as a number: 100 stands for 100 to 1."""
    advances_at: float
    harm: float = 0.0
    """Of all gates together, as a part of what rolls back."""
    harm_odds: float = 1.0
    arms: Sequence[ShownArm] = ()
    """Stable first."""
    gates: Sequence[ShownGate] = ()
    lines: Sequence[Line] = ()
    """Oldest first."""
    windows: Sequence[Window] = field(default=(), repr=False)
    """Usable ones at this weight, of late."""
    requests: tuple[int, int] = (0, 0)
    """Of stable and canary."""
    teller: Teller = field(default=Teller(), repr=False)

    @classmethod
    def of(cls, course: Course, record: Record) -> Self:
        """The first record known; `course` after it."""
        started = course.started
        slo, plan = started.contract.slo, started.plan
        return cls(
            model=started.model,
            version=started.version,
            stable=started.stable,
            who=started.who,
            began=record.at,
            at=record.at,
            weight=course.state.weight,
            steps=plan.steps,
            phase="",
            armed=plan.armed,
            limits=(slo.error_rate, slo.p50_ms, slo.p99_ms),
            queue_limit=slo.queue_ms,
            rolls_back_at=1 / plan.false_rollback,
            advances_at=1 / plan.false_advance,
        ).after(course, record)

    @property
    def tone(self) -> Tone:
        return TONES.get(self.outcome or self.verdict, "calm")

    def after(self, course: Course, record: Record) -> Self:
        """`course` after the record."""
        teller, line = self.teller.after(course, record)
        seen = self._seeing(record)
        decision = course.decided.decision if course.decided else None
        ended, rps = course.ended, _rps(seen.windows)
        going = ended is None and not _doubted(course)
        return replace(
            seen,
            at=record.at,
            weight=course.state.weight,
            phase=_phase(course),
            acting=course.intent is not None,
            verdict=str(decision.verdict) if decision else "",
            outcome=ended.outcome if ended else None,
            reason=ended.reason if ended else decision.reason if decision else "",
            gate=decision.gate if decision and not ended else "",
            step_seconds=course.state.held_seconds,
            here_seconds=remaining.at_this_weight(course, rps) if going else None,
            left_seconds=remaining.in_all(course, rps) if going else None,
            harm=part(course.judgement.harm, course.started.plan.false_rollback),
            harm_odds=odds(course.judgement.harm),
            arms=shown_arms(course, seen.windows, seen.requests),
            gates=shown_gates(course),
            lines=(*self.lines, line)[-MOST_LINES:] if line else self.lines,
            teller=teller,
        )

    def _seeing(self, record: Record) -> Self:
        """What was seen at the last weight stays until there is something of this one."""
        if not isinstance(record.body, Observed) or record.body.window.unmet:
            return self
        new = record.body.window
        windows = [*(each for each in self.windows if each.weight == new.weight), new]
        while len(windows) > 1 and _long(windows):
            del windows[0]
        before_stable, before_canary = self.requests
        stable = new.stable.counts.requests if new.stable else 0
        requests = (before_stable + stable, before_canary + new.canary.counts.requests)
        return replace(self, windows=tuple(windows), requests=requests)


def _long(windows: Sequence[Window]) -> bool:
    return sum(each.seconds for each in windows) > RECENT_SECONDS or len(windows) > MOST_WINDOWS


def _phase(course: Course) -> str:
    if course.ended is not None:
        return course.ended.outcome
    if course.intent is not None:
        return course.intent.action
    if course.decided is None and course.window is None:
        return "preparing"
    blind = course.window is not None and course.window.unmet
    return "waiting for metrics" if blind else "watching"


def _doubted(course: Course) -> bool:
    """Nobody can tell how long that takes."""
    judgement = course.judgement
    said = any(each.guard or each.step_back or each.ask for each in judgement.findings)
    return said or bool(judgement.unmet) or judgement.harm >= DOUBT


def _rps(windows: Sequence[Window]) -> float:
    seconds = sum(each.seconds for each in windows)
    requests = sum(
        (0 if each.loaded else each.canary.counts.requests)
        + (each.stable.counts.requests if each.stable else 0)
        for each in windows
    )
    return requests / seconds if seconds else 0.0
