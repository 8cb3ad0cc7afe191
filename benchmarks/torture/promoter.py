"""One promotion in a process of its own, on the real engine, which stops where it is told to.

`python -m benchmarks.torture.promoter FOLDER [--steps 5,50] [--harm-from 50] [--stop POINT]`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.torture.halting import Halting
from benchmarks.torture.points import BEGIN, END, MODEL, OBSERVE, Where
from benchmarks.torture.traffic import Traffic, begun
from serving.errors import ServingError
from serving.promotion.course import Course
from serving.promotion.decision import Facts
from serving.promotion.effects import Effects
from serving.promotion.engine import EXIT_CODES, Engine
from serving.promotion.journal import Journal, Store
from serving.promotion.journal_file import FileStore
from serving.promotion.lease import USUAL, Lease, Span, held
from serving.promotion.lease_store import lease_at
from serving.promotion.phases import Phase
from serving.promotion.record import (
    Body,
    Effect,
    Ended,
    Intent,
    Observed,
    Record,
    Resumed,
    Started,
)
from serving.promotion.stack import Changes, PulumiStack, Still
from serving.promotion.stopping import stop_asked
from tests.engine import small
from tests.engine.double_folder import Folder

CHECKOUT: Final = "mine"
JOURNAL: Final = "journal.jsonl"
LEASE: Final = "lease"
TOLD: Final = "told"
ROUTE: Final = f"{MODEL}-route"
WHO: Final = "kim"
PATIENCE_SECONDS: Final = 30.0
_BEFORE: Final = {
    Intent: Where.BEFORE_INTENT,
    Observed: Where.SEEN,
    Ended: Where.ENDING,
}
_AFTER: Final = {
    Started: Where.STARTED,
    Intent: Where.INTENT,
    Effect: Where.RECORDED,
    Observed: Where.OBSERVED,
    Ended: Where.ENDED,
}


class HaltedJournal(Journal):
    """Stops before a record and after it."""

    def __init__(self, store: Store, halting: Halting) -> None:
        super().__init__(store, lambda: datetime.now(UTC))
        self._halting = halting
        self._weight = 0
        self._intent: Intent | None = None

    def append(self, body: Body) -> Record:
        self._at(body, _BEFORE.get(type(body)))
        record = super().append(body)
        self._at(body, _AFTER.get(type(body)))
        return record

    def heard(self, course: Course, record: Record) -> None:
        self._weight = course.state.weight
        if isinstance(record.body, Intent):
            self._intent = record.body

    def _at(self, body: Body, where: Where | None) -> None:
        if where is None:
            return
        match body:
            case Observed():
                self._halting.at(OBSERVE, self._weight, where)
            case Intent(action=action, weight=weight):
                self._halting.at(action, weight, where)
            case Effect(confirmed=True) if self._intent is not None:
                self._halting.at(self._intent.action, self._intent.weight, where)
            case Started():
                self._halting.at(BEGIN, None, where)
            case Ended():
                self._halting.at(END, None, where)


class HaltedEffects(Effects):
    """Stops before an effect, within its update and after it."""

    halting: Halting
    _now: tuple[Phase, int | None] | None = None

    def perform(self, phase: Phase, course: Course, weight: int | None) -> Effect:
        self._now = phase, weight
        self.halting.at(phase, weight, Where.CHECKED)
        self.halting.in_operation(phase, weight)
        effect = super().perform(phase, course, weight)
        if effect.confirmed:
            self.halting.at(phase, weight, Where.EFFECT)
        return effect

    def begin(self, where: Where) -> None:
        if self._now is not None:
            self.halting.at(*self._now, where)


class HaltedStack(PulumiStack):
    """Stops before its engine is started."""

    effects: HaltedEffects

    def _up(self, wrong: list[str], still: Still, wanted: Changes) -> None:
        self.effects.begin(Where.UPDATE)
        super()._up(wrong, still, wanted)


class Scripted:
    """Candidate, route and surroundings."""

    def __init__(self, place: small.Place, traffic: Traffic, stop: Callable[[], bool]) -> None:
        self._place, self._traffic, self._stop = place, traffic, stop

    def verify(self) -> None: ...

    def warm_up(self) -> None: ...

    def golden(self) -> None: ...

    def evaluate(self) -> str:
        return ""

    def shares(self, model: str) -> Mapping[int, int]:
        return shares_of(self._place.found()[ROUTE])

    def change(self, model: str, shares: Mapping[int, int]) -> None:
        """By hand, as it were: past the engine."""
        stable, *canary = sorted(shares)
        route = {"stable": stable, "weight": shares[canary[0]] if canary else 0}
        route |= {"canary": canary[0]} if canary else {}
        Folder(self._place.things).write("direct", ROUTE, route)

    def drain(self, model: str, version: int, seconds: float) -> None: ...

    def observe(self, course: Course) -> Observed:
        return Observed(window=self._traffic.window(course.state.weight))

    def facts(self, course: Course) -> Facts:
        return Facts()

    def stopping(self) -> bool:
        return self._stop()

    def pause(self, course: Course, seconds: float, *, calm: bool) -> None: ...

    def heard(self, course: Course, record: Record) -> None:
        if isinstance(record.body, Observed):
            self._traffic.heard(record.body.window.weight)


def shares_of(route: Mapping[str, float]) -> Mapping[int, int]:
    shares = {route["stable"]: 100 - route["weight"], route.get("canary"): route["weight"]}
    return {int(version): int(share) for version, share in shares.items() if version and share}


def main() -> int:
    asked = _asked()
    if asked.set_up:
        place = small.Place(asked.folder)
        place.stack(place.checkout(CHECKOUT, {MODEL: {"stable": 1}})).up()
        return 0
    halting = Halting(asked.folder, asked.stop)
    span = Span(term=asked.term, skew=asked.skew)
    store = lease_at(str(asked.folder / LEASE))
    try:
        with stop_asked() as stop, held(store, WHO, f"promoting {MODEL}", span) as lease:
            halting.at(BEGIN, None, Where.LEASED)
            ended = _promotion(asked, halting, lease, stop.is_set)
    except ServingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return EXIT_CODES[ended.outcome]


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture.promoter")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set-up", action="store_true", help="version 1, and nothing else")
    parser.add_argument("--steps", type=lambda text: tuple(map(int, text.split(","))))
    parser.add_argument("--harm-from", type=int)
    parser.add_argument("--stop", default="")
    parser.add_argument("--term", type=float, default=USUAL.term)
    parser.add_argument("--skew", type=float, default=USUAL.skew)
    parser.add_argument("--patience", type=float, default=PATIENCE_SECONDS)
    return parser.parse_args()


def _promotion(
    asked: argparse.Namespace, halting: Halting, lease: Lease, stop: Callable[[], bool]
) -> Ended:
    place = small.Place(asked.folder)
    script = Scripted(place, Traffic(asked.harm_from), stop)

    def program() -> None:
        """Runs while the engine holds the stack."""
        effects.begin(Where.ENGINE)
        small.program()

    stack = HaltedStack.select(
        small.STACK,
        place.checkout(CHECKOUT),
        program,
        place.find,
        tell=lambda said: _tell(asked.folder, said),
    )
    effects = HaltedEffects(
        stack,
        script,
        script,
        sleep=lambda _: None,
        patience=asked.patience,
        still=lease.check,
    )
    effects.halting = halting
    stack.effects = effects
    path = asked.folder / JOURNAL
    journal = HaltedJournal(FileStore(path), halting)

    def heard(course: Course, record: Record) -> None:
        journal.heard(course, record)
        script.heard(course, record)

    engine = Engine(journal, lease, effects, script, heard)
    start = begun(asked.steps)
    if path.exists():
        return engine.resume(Resumed(engine=start.engine, who=WHO, commit=start.commit))
    return engine.start(start)


def _tell(folder: Path, said: str) -> None:
    with (folder / TOLD).open("a", encoding="utf-8") as stream:
        stream.write(f"{said}\n")


if __name__ == "__main__":
    sys.exit(main())
