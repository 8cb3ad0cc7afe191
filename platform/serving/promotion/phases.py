"""What a promotion has done so far, and does next, as its records tell it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from serving.promotion.course import Course
from serving.promotion.decision import Verdict
from serving.promotion.record import Body, Decided, Effect, Intent, Resumed


class Phase(StrEnum):
    """The action of an intent."""

    VERIFY = "verify the artifact"
    DEPLOY = "start the canary"
    WARM_UP = "warm up"
    GOLDEN = "golden requests"
    EVALUATE = "evaluation by a judge"
    SHIFT = "change the weight"
    PROMOTE = "promote"
    BREAK_GLASS = "change the route directly"
    REMOVE = "remove the canary"

    @property
    def moves(self) -> bool:
        return self in (Phase.SHIFT, Phase.PROMOTE, Phase.BREAK_GLASS)


PREPARING: Final = (Phase.VERIFY, Phase.DEPLOY, Phase.WARM_UP, Phase.GOLDEN)
BEFORE_USERS: Final = (*PREPARING, Phase.EVALUATE)
"""Where the contract asks for an evaluation."""
_TESTING: Final = (Phase.VERIFY, Phase.WARM_UP, Phase.GOLDEN)
"""What fails here has the version to blame."""


class Progress:
    def __init__(self) -> None:
        self.done: set[Phase] = set()
        self.phase: Phase | None = None
        self.failures = 0
        """Of this phase, one after the other."""
        self.problem = ""
        self.doubtful: Intent | None = None
        """It failed, and may have come into force since: its engine may have outlived it."""
        self.unfit = ""
        """Why the version never came to take traffic."""
        self.failed_rollback = ""
        self.fresh = False
        """The last decision was made by this process, and may still raise the weight."""

    @property
    def removed(self) -> bool:
        return Phase.REMOVE in self.done

    def take(self, course: Course, body: Body) -> None:
        """`course` as it stood before the record."""
        match body:
            case Intent(action=action):
                self.doubtful = body
                self.failures = self.failures if self.phase == action else 0
                self.phase = Phase(action)
            case Effect(confirmed=True):
                self._succeeded()
            case Effect(detail=detail, unfit=unfit):
                self._failed(course, detail, unfit)
            case Decided():
                self.fresh = True
            case Resumed():
                self.fresh, self.failures = False, 0

    def next(self, course: Course) -> Phase | None:
        """None: observe."""
        if self.leaving(course) and course.state.weight == 0:
            return Phase.REMOVE
        evaluated = course.started.contract.rollout.evaluation is not None
        for phase in BEFORE_USERS if evaluated else PREPARING:
            if phase not in self.done:
                return phase
        if course.decided is None:
            return None
        decision = course.decided.decision
        advancing = decision.verdict is Verdict.ADVANCE
        if decision.weight == course.state.weight or (advancing and not self.fresh):
            return None
        if decision.break_glass:
            return Phase.BREAK_GLASS
        return Phase.PROMOTE if decision.weight == 100 else Phase.SHIFT

    def repeats(self, course: Course) -> bool:
        """What has just failed is tried again."""
        again = self.next(course) == self.phase and not self.needs_break_glass(course)
        return bool(self.failures) and again

    def leaving(self, course: Course) -> bool:
        decision = course.decided.decision if course.decided else None
        return bool(self.unfit) or (decision is not None and decision.verdict is Verdict.ROLLBACK)

    def needs_break_glass(self, course: Course) -> bool:
        """The way through the stack has failed, and the other one was not decided on yet."""
        decided = course.decided is not None and course.decided.decision.break_glass
        return bool(self.failed_rollback) and not decided

    def _succeeded(self) -> None:
        self.failures, self.problem, self.doubtful = 0, "", None
        if self.phase is not None:
            self.done.add(self.phase)
            self.failed_rollback = "" if self.phase.moves else self.failed_rollback

    def _failed(self, course: Course, detail: str, unfit: bool) -> None:
        self.failures, self.problem = self.failures + 1, detail
        if self.phase in _TESTING or unfit:
            self.unfit = f"{self.phase}: {detail}"
        elif self.phase is not None and self.phase.moves and self.leaving(course):
            self.failed_rollback = detail
