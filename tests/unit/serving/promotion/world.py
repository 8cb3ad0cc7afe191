"""A small world in which promotions run: a stack, a route, traffic, and a process that dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from serving.errors import ServingError
from serving.promotion.course import Course
from serving.promotion.decision import Facts
from serving.promotion.effects import Effects
from serving.promotion.engine import Engine
from serving.promotion.events import Event
from serving.promotion.journal import Journal, Overtaken
from serving.promotion.record import Ended, Observed, Resumed, Started, Undelivered
from serving.promotion.route import shares_of
from serving.promotion.stack import Changes, Locked, Still, UpdateFailed, always, merged
from serving.settings import Release
from tests.unit.serving.promotion.recorded import NOON, Kept, Traffic, started

RESUMED = Resumed(engine="same", who="kim", commit="0a1b2c3")


class Killed(BaseException):
    """Nothing that runs afterwards belongs to the process that was killed."""


@dataclass
class World:
    traffic: Traffic
    begin: Started = field(default_factory=started)
    table: Mapping[str, Release] = field(default_factory=lambda: {"digits": Release(stable=1)})
    split: Mapping[int, int] = field(default_factory=lambda: {1: 100})
    store: Kept = field(default_factory=Kept)
    asked: Facts = field(default_factory=Facts)
    held: str = ""
    """By whom the stack is locked."""
    unfit: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with the candidate, by the test that shows it."""
    failing: Callable[[Changes], str] = lambda changes: ""
    """Why the engine fails; by then the change is in force."""
    stuck: bool = False
    """The route does not follow the stack."""
    unreadable: Callable[[], bool] = lambda: False
    """The route cannot be read."""
    weights: list[int] = field(default_factory=list)
    """Of the canary, as the route had them."""
    deeds: list[str] = field(default_factory=list)
    drained: list[tuple[int, int]] = field(default_factory=list)
    """Versions that were waited for, each with the share it had then."""
    kill_at: int = -1
    path: list[str] = field(default_factory=list)
    """What happens at each point at which the process may be killed."""
    windows: int = 0
    stop_at: int = -1
    """The window after which somebody asks for a stop."""
    pauses: list[float] = field(default_factory=list)
    in_pause: Callable[[], None] = lambda: None
    """What happens meanwhile."""
    unchangeable: Callable[[], bool] = lambda: False
    """The route cannot be changed directly."""
    overtaken: bool = False
    fence: int = 1
    tell: Callable[[Event], list[Undelivered]] = lambda event: []

    def run(self) -> Ended:
        return self._engine().start(self.begin)

    def resume(self) -> Ended:
        if not self.store.kept:
            return self.run()
        return self._engine().resume(RESUMED)

    def _engine(self) -> Engine:
        effects = Effects(self, self, self, sleep=lambda _: None, patience=0)
        return Engine(Journal(self, lambda: NOON), self, effects, self, tell=self.tell)

    def point(self, deed: str) -> None:
        self.path.append(deed)
        if len(self.path) == self.kill_at:
            raise Killed(deed)

    # the journal's store
    where = "kept"

    def lines(self, after: int = 0) -> Iterator[bytes]:
        return self.store.lines(after)

    def ends(self) -> tuple[bytes, bytes]:
        return self.store.ends()

    def repair(self, sound: int) -> None: ...

    def append(self, number: int, line: bytes) -> None:
        self.point("before a record")
        self.store.append(number, line)
        self.point("after a record")

    # the lease
    def check(self) -> None:
        if self.overtaken:
            raise Overtaken("somebody else has the lease")

    # the stack
    def deployed(self) -> Mapping[str, Release]:
        return self.table

    def locked_by(self) -> str:
        return self.held

    def apply(self, changes: Changes, patience: float, still: Still = always) -> None:
        if self.held:
            raise Locked(f"is being changed by {self.held}")
        self.point("before an update")
        self.table = merged(self.table, changes)
        self.point("in an update")
        release = self.table.get("digits")
        if not self.stuck:
            self._route(shares_of(release) if release else {})
        self.point("after an update")
        if problem := self.failing(changes):
            raise UpdateFailed(problem)

    # the route
    def shares(self, model: str) -> Mapping[int, int]:
        if self.unreadable():
            raise ServingError("the gateway refuses connections")
        return self.split

    def change(self, model: str, shares: Mapping[int, int]) -> None:
        if self.unchangeable():
            raise ServingError("the gateway refuses connections")
        self.point("before a direct change")
        self.deeds.append("direct")
        self._route(shares)
        self.point("after a direct change")

    def drain(self, model: str, version: int, seconds: float) -> None:
        self.drained.append((version, self.split.get(version, 0)))

    def _route(self, shares: Mapping[int, int]) -> None:
        if shares != self.split:
            self.weights.append(shares.get(2, 0))
        self.split = shares

    # the candidate
    def verify(self) -> None:
        self._test("verify")

    def warm_up(self) -> None:
        self._test("warm up")

    def golden(self) -> None:
        self._test("golden")

    def evaluate(self) -> str:
        self._test("evaluation")
        return "mean grade 4.50 of 2 answers, by judge-large"

    def _test(self, name: str) -> None:
        self.deeds.append(name)
        if problem := self.unfit.get(name):
            raise ServingError(problem)

    # surroundings
    def observe(self, course: Course) -> Observed:
        window = self.traffic[self.windows](course.state.weight)
        self.windows += 1
        return Observed(window=window)

    def facts(self, course: Course) -> Facts:
        return self.asked

    def stopping(self) -> bool:
        return 0 <= self.stop_at <= self.windows

    def pause(self, course: Course, seconds: float, *, calm: bool) -> None:
        self.pauses.append(seconds)
        self.in_pause()
