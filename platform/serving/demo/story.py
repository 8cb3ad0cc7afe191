"""What became of one promotion, as its records told it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from serving.promotion.course import Course
from serving.promotion.decision import Verdict
from serving.promotion.record import Decided, Effect, Ended, Intent, Record


@dataclass(kw_only=True)
class Story:
    began: float = 0.0
    """Times are in seconds since 1970, by the clock that the journal has."""
    at: float = 0.0
    """Of the last record."""
    stable: int | None = None
    weight: int = 0
    weights: list[tuple[float, int]] = field(default_factory=list)
    outcome: str = "unfinished"
    reason: str = ""
    gate: str = ""
    """That wanted it rolled back, or the phase that failed."""
    events: list[tuple[float, str]] = field(default_factory=list)
    _doing: str = ""
    _failed: str = ""

    @property
    def moved(self) -> float:
        """When the weight last changed."""
        return self.weights[-1][0] if self.weights else 0.0

    def heard(self, course: Course, record: Record) -> None:
        """`course` after the record."""
        self.at = datetime.fromisoformat(record.at).timestamp()
        if not self.weights:
            self.began, self.stable = self.at, course.started.stable
            self.weights.append((self.at, course.state.weight))
        if course.state.weight != self.weight:
            self.weight = course.state.weight
            self.weights.append((self.at, self.weight))
        match record.body:
            case Intent(action=action):
                self._doing = action
            case Effect(confirmed=False):
                self._failed = self._doing
            case Decided(decision=decision) if decision.verdict is Verdict.ROLLBACK:
                self.gate = self.gate or decision.gate
            case Ended() as ended:
                self.outcome, self.reason = ended.outcome, ended.reason
                self.gate = "" if ended.outcome == "promoted" else self.gate or self._failed
