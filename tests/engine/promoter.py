"""One promotion in a process of its own, which can be told where to die.

`python -m tests.engine.promoter FOLDER TRAFFIC [ACTION WEIGHT WHERE]`: WHERE is `intent` or
`effect` (just after it), or a fault of the provider, as in `tests.engine.double_folder`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from serving.promotion.course import Course
from serving.promotion.decision import Facts
from serving.promotion.effects import Effects
from serving.promotion.engine import EXIT_CODES, Engine
from serving.promotion.journal import Journal
from serving.promotion.journal_file import FileStore
from serving.promotion.lease import held
from serving.promotion.lease_store import lease_at
from serving.promotion.phases import Phase
from serving.promotion.record import Effect, Intent, Observed, Record, Resumed
from serving.promotion.stack import PulumiStack
from serving.promotion.stopping import stop_asked
from tests.engine import small
from tests.unit.serving.promotion.recorded import Traffic, simulated, started

BEGIN: Final = started(steps=(5, 50), dwell_seconds=(15, 15))
TRAFFIC: Final[Mapping[str, Traffic]] = {
    "healthy": simulated(1, 200),
    "harmful": simulated(1, 200, errors=0.3, since=8),
}


@dataclass(frozen=True)
class Death:
    folder: Path
    action: str = ""
    weight: str = ""
    where: str = ""

    def at(self, intent: Intent, where: str) -> None:
        if (intent.action, str(intent.weight)) != (self.action, self.weight):
            return
        if self.where == where:
            os.kill(os.getpid(), signal.SIGKILL)
        if where == "intent" and self.where != "effect":
            (self.folder / "fault").write_text(self.where, encoding="utf-8")


class Mortal(Effects):
    death: Death

    def perform(self, phase: Phase, course: Course, weight: int | None) -> Effect:
        effect = super().perform(phase, course, weight)
        assert course.intent is not None
        self.death.at(course.intent, "effect")
        return effect


class Scripted:
    """Candidate, route and surroundings."""

    def __init__(
        self, place: small.Place, traffic: Traffic, death: Death, stop: threading.Event
    ) -> None:
        self.place, self.traffic, self.death, self.stop = place, traffic, death, stop
        self.windows = 0

    def verify(self) -> None: ...

    def warm_up(self) -> None: ...

    def golden(self) -> None: ...

    def evaluate(self) -> str:
        return ""

    def shares(self, model: str) -> Mapping[int, int]:
        route = self.place.found()[f"{model}-route"]
        shares = {route["stable"]: 100 - route["weight"], route.get("canary"): route["weight"]}
        return {int(version): int(share) for version, share in shares.items() if share}

    def change(self, model: str, shares: Mapping[int, int]) -> None:
        raise AssertionError("nobody holds this stack")

    def drain(self, model: str, version: int, seconds: float) -> None: ...

    def observe(self, course: Course) -> Observed:
        return Observed(window=self.traffic[self.windows](course.state.weight))

    def facts(self, course: Course) -> Facts:
        return Facts()

    def stopping(self) -> bool:
        return self.stop.is_set()

    def pause(self, course: Course, seconds: float, *, calm: bool) -> None: ...

    def heard(self, course: Course, record: Record) -> None:
        self.windows += isinstance(record.body, Observed)
        if isinstance(record.body, Intent):
            self.death.at(record.body, "intent")


def main(folder: Path, traffic: str, *death: str) -> int:
    place = small.Place(folder)
    lease_store = lease_at(str(folder / "lease"))
    with stop_asked() as stop, held(lease_store, "kim", "promoting digits") as lease:
        script = Scripted(place, TRAFFIC[traffic], Death(folder, *death), stop)
        checkout = place.checkout("mine")
        stack = PulumiStack.select(small.STACK, checkout, small.program, place.find)
        effects = Mortal(stack, script, script, sleep=lambda _: None, patience=30)
        effects.death = script.death
        path = folder / "journal.jsonl"
        journal = Journal(FileStore(path), lambda: datetime.now(UTC))
        engine = Engine(journal, lease, effects, script, script.heard)
        resumed = Resumed(engine=BEGIN.engine, who="kim", commit="0a1b2c3")
        ended = engine.resume(resumed) if path.exists() else engine.start(BEGIN)
    return EXIT_CODES[ended.outcome]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
