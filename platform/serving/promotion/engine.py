"""The loop of one promotion: observe, judge, decide, record the intent, act, confirm, record.

Each turn appends one record, chosen from the records so far alone. To resume is therefore the
same as to go on: whatever was killed between two records is done again, and doing it again
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from serving.promotion.course import Course
from serving.promotion.decision import Facts, Verdict
from serving.promotion.effects import Effects
from serving.promotion.events import Event, event_of
from serving.promotion.journal import Journal
from serving.promotion.phases import Phase, Progress
from serving.promotion.plan import ASK_SECONDS
from serving.promotion.record import (
    Body,
    Decided,
    Effect,
    Ended,
    Intent,
    Observed,
    Outcome,
    Record,
    Resumed,
    Started,
    Undelivered,
    Waived,
)

PAUSES_SECONDS: Final = (5.0, 20.0)
"""Between the tries of one effect: a program that was restarted is back by then."""
HASTE: Final = 0.2
"""Times as long where requests are to be taken away from a version."""
ATTEMPTS: Final = 1 + len(PAUSES_SECONDS)
"""At one effect, one after the other; then a person is needed."""
EXIT_CODES: Final[dict[Outcome, int]] = {
    "promoted": 0,
    "rolled back": 10,
    "held": 11,
    "asks": 11,
    "rollback failed": 12,
    "interrupted": 130,
}
FINAL: Final[tuple[Outcome, ...]] = ("promoted", "rolled back")


class Holder(Protocol):
    """The lease."""

    @property
    def fence(self) -> int: ...

    def check(self) -> None:
        """Raises Overtaken."""
        ...


class Surroundings(Protocol):
    """Everything that is not the stack: metrics, the clock, people."""

    def observe(self, course: Course) -> Observed:
        """The next window; waits until it is over, or somebody asks for an end."""
        ...

    def facts(self, course: Course) -> Facts:
        """What people ask for. What is read back is added to it."""
        ...

    def stopping(self) -> bool:
        """Somebody asked for a stop at the next safe point."""
        ...

    def pause(self, course: Course, seconds: float, *, calm: bool) -> None:
        """Between two tries; shorter where somebody asks for an end, unless it is `calm`."""
        ...


class Engine:
    def __init__(
        self,
        journal: Journal,
        lease: Holder,
        effects: Effects,
        around: Surroundings,
        heard: Callable[[Course, Record], None] = lambda course, record: None,
        tell: Callable[[Event], Sequence[Undelivered]] = lambda event: (),
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._effects = effects
        self._around = around
        self._heard = heard
        self._tell = tell
        self._untold: list[Event] = []
        self._course: Course | None = None
        self._progress = Progress()

    @property
    def where(self) -> str:
        """The journal."""
        return self._journal.where

    def start(self, started: Started, waived: Sequence[Waived] = ()) -> Ended:
        self._append(started)
        for each in waived:
            self._append(each)
        return self._run()

    def resume(self, resumed: Resumed, *, reopen: bool = False) -> Ended:
        """`reopen`: also what has ended for good, as somebody wants it undone."""
        self._journal.resume(self._take)
        if reopen or self._course is None or self._course.ended is None or self._resumable():
            self._append(resumed)
        return self._run()

    def _resumable(self) -> bool:
        ended = self._course.ended if self._course else None
        return ended is not None and ended.outcome not in FINAL

    def _run(self) -> Ended:
        course = self._course
        if course is None:
            raise TypeError("a promotion begins with a start")
        while course.ended is None:
            body = self._next(course)
            self._append(body)
            if isinstance(body, Effect) and self._progress.repeats(course):
                self._pause(course)
        return course.ended

    def _pause(self, course: Course) -> None:
        failures, decided = self._progress.failures, course.decided
        if failures == ATTEMPTS:
            return
        falling = decided is not None and decided.decision.weight < course.state.weight
        seconds = PAUSES_SECONDS[failures - 1] * (HASTE if falling else 1.0)
        self._around.pause(course, seconds, calm=self._progress.leaving(course))

    def _next(self, course: Course) -> Body:
        progress = self._progress
        if course.intent is not None:
            return self._perform(course, course.intent)
        if self._commanded(course):
            return course.decide(self._facts(course))
        if (end := self._end(course)) is not None:
            return end
        if self._around.stopping() and not progress.leaving(course):
            if course.state.weight == 100:
                return _ended("promoted", course, "all requests reach it; the watch was cut short")
            return _ended("interrupted", course, "stopped at a safe point; `resume` goes on")
        if (late := self._late(course)) is not None:
            return late
        if course.undecided or progress.needs_break_glass(course):
            return course.decide(self._facts(course))
        phase = progress.next(course)
        if phase is None:
            return self._around.observe(course)
        weight = course.decided.decision.weight if course.decided and phase.moves else None
        return Intent(action=phase, weight=weight, fence=self._lease.fence)

    def _late(self, course: Course) -> Intent | None:
        """What failed, and is in force all the same by now, is nobody else's change: it is done
        again, and so recorded."""
        failed, decided = self._progress.doubtful, course.decided
        if failed is None or decided is None or failed.weight != decided.decision.weight:
            return None
        if course.state.weight == failed.weight or self._effects.weight(course) != failed.weight:
            return None
        return replace(failed, fence=self._lease.fence)

    def _commanded(self, course: Course) -> bool:
        """Somebody wants an end: what the next window would show does not matter."""
        if self._progress.leaving(course):
            return False
        asked = self._around.facts(course)
        return bool(asked.abort) or asked.superseded_by is not None

    def _facts(self, course: Course) -> Facts:
        asked = self._around.facts(course)
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
        paused = self._paused(course)
        through = course.state.weight == 100 and not (course.undecided or progress.leaving(course))
        if through and paused is None:
            watched = course.state.held_seconds >= course.started.plan.watch_seconds
            return _ended("promoted", course, "all requests reach it") if watched else None
        return paused

    def _paused(self, course: Course) -> Ended | None:
        """A person is needed, and the weight is where it is to stay meanwhile."""
        if not self._progress.fresh or course.decided is None:
            return None
        decision = course.decided.decision
        if decision.weight != course.state.weight:
            return None
        if decision.verdict is Verdict.ASK:
            return _ended("asks", course, decision.reason)
        held = course.state.weight < 100 and course.state.held_seconds >= ASK_SECONDS
        if decision.verdict is Verdict.HOLD and held:
            return _ended("held", course, decision.reason)
        return None

    def _reason(self, course: Course) -> str:
        return course.decided.decision.reason if course.decided else ""

    def _append(self, body: Body) -> None:
        self._lease.check()
        record = self._journal.append(body)
        known = self._known(body)
        self._take(record)
        if self._course is not None and not known:
            event = event_of(self._course, record, self.where)
            self._untold += [event] if event else []
        if isinstance(body, Decided | Intent):  # an effect does not wait for receivers
            return
        if self._tell_all() and isinstance(body, Ended):
            self._take(self._journal.append(body))  # the end is what stands last

    def _known(self, body: Body) -> bool:
        """The window before was told the same."""
        decided = self._course.decided if self._course else None
        if decided is None or not isinstance(body, Decided):
            return False
        was, now = (replace(each, reason="") for each in (decided.decision, body.decision))
        return was == now

    def _tell_all(self) -> bool:
        """Whether something could not be delivered, and was recorded."""
        events, self._untold = self._untold, []
        failed = [each for event in events for each in self._tell(event)]
        for undelivered in failed:
            self._take(self._journal.append(undelivered))
        return bool(failed)

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
