"""The loop of one promotion: observe, judge, decide, record the intent, act, confirm, record.

Each turn appends one record, chosen from the records so far alone. To resume is therefore the
same as to go on: whatever was killed between two records is done again, and doing it again
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from serving.promotion.course import Course
from serving.promotion.decision import Facts, Verdict
from serving.promotion.effects import Effects
from serving.promotion.journal import Journal
from serving.promotion.measurement import Window
from serving.promotion.phases import Phase, Progress
from serving.promotion.plan import ASK_SECONDS
from serving.promotion.record import (
    Body,
    Effect,
    Ended,
    Intent,
    Observed,
    Outcome,
    Record,
    Resumed,
    Started,
)

ATTEMPTS: Final = 3
"""At one effect, one after the other; then a person is needed."""
EXIT_CODES: Final[dict[Outcome, int]] = {
    "promoted": 0,
    "rolled back": 10,
    "held": 11,
    "asks": 11,
    "rollback failed": 12,
    "interrupted": 130,
}


class Holder(Protocol):
    """The lease."""

    @property
    def fence(self) -> int: ...

    def check(self) -> None:
        """Raises Overtaken."""
        ...


class Surroundings(Protocol):
    """Everything that is not the stack: metrics, the clock, people."""

    def observe(self, weight: int) -> Window:
        """The next window; waits until it is over."""
        ...

    def facts(self) -> Facts:
        """What people ask for. What is read back is added to it."""
        ...

    def stopping(self) -> bool:
        """Somebody asked for a stop at the next safe point."""
        ...


class Engine:
    def __init__(
        self,
        journal: Journal,
        lease: Holder,
        effects: Effects,
        around: Surroundings,
        heard: Callable[[Course, Record], None] = lambda course, record: None,
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._effects = effects
        self._around = around
        self._heard = heard
        self._course: Course | None = None
        self._progress = Progress()

    def start(self, started: Started) -> Ended:
        self._append(started)
        return self._run()

    def resume(self, resumed: Resumed) -> Ended:
        self._journal.resume(self._take)
        if self._course is None or self._course.ended is None or self._resumable():
            self._append(resumed)
        return self._run()

    def _resumable(self) -> bool:
        ended = self._course.ended if self._course else None
        return ended is not None and ended.outcome not in ("promoted", "rolled back")

    def _run(self) -> Ended:
        course = self._course
        if course is None:
            raise TypeError("a promotion begins with a start")
        while course.ended is None:
            self._append(self._next(course))
        return course.ended

    def _next(self, course: Course) -> Body:
        progress = self._progress
        if course.intent is not None:
            return self._perform(course, course.intent)
        if (end := self._end(course)) is not None:
            return end
        if self._around.stopping() and not progress.leaving(course):
            return _ended("interrupted", course, "stopped at a safe point; `resume` goes on")
        if course.undecided or progress.needs_break_glass(course):
            return course.decide(self._facts(course))
        phase = progress.next(course)
        if phase is None:
            return Observed(window=self._around.observe(course.state.weight))
        weight = course.decided.decision.weight if course.decided and phase.moves else None
        return Intent(action=phase, weight=weight, fence=self._lease.fence)

    def _facts(self, course: Course) -> Facts:
        asked = self._around.facts()
        return replace(
            asked,
            observed_weight=self._effects.weight(course),
            failed_rollback=self._progress.failed_rollback,
            stack_locked_by=self._effects.locked_by(),
        )

    def _perform(self, course: Course, intent: Intent) -> Effect:
        self._lease.check()
        effect = self._effects.perform(Phase(intent.action), course, intent.weight)
        self._lease.check()
        return effect

    def _end(self, course: Course) -> Ended | None:
        progress = self._progress
        if progress.removed:
            return _ended("rolled back", course, progress.unfit or self._reason(course))
        if progress.failures >= ATTEMPTS:
            failed = f"{progress.phase} failed {progress.failures} times: {progress.problem}"
            return _ended("rollback failed" if progress.leaving(course) else "held", course, failed)
        if course.state.weight == 100:
            return _ended("promoted", course, "all requests reach it")
        return self._paused(course)

    def _paused(self, course: Course) -> Ended | None:
        """A person is needed, and the weight is where it is to stay meanwhile."""
        if not self._progress.fresh or course.decided is None:
            return None
        decision = course.decided.decision
        if decision.weight != course.state.weight:
            return None
        if decision.verdict is Verdict.ASK:
            return _ended("asks", course, decision.reason)
        if decision.verdict is Verdict.HOLD and course.state.held_seconds >= ASK_SECONDS:
            return _ended("held", course, decision.reason)
        return None

    def _reason(self, course: Course) -> str:
        return course.decided.decision.reason if course.decided else ""

    def _append(self, body: Body) -> None:
        self._lease.check()
        self._take(self._journal.append(body))

    def _take(self, record: Record) -> None:
        if isinstance(record.body, Started):
            self._course = Course(record.body)
        elif self._course is not None:
            self._progress.take(self._course, record.body)
            self._course.take(record.body)
        if self._course is not None:
            self._heard(self._course, record)


def _ended(outcome: Outcome, course: Course, reason: str) -> Ended:
    return Ended(outcome=outcome, weight=course.state.weight, reason=reason)
