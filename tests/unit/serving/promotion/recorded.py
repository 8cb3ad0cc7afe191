"""Promotions that are really judged and recorded, over scripted traffic and without effects."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from serving.promotion.course import Course, engine_version
from serving.promotion.decision import Facts, Verdict
from serving.promotion.gate import Rules
from serving.promotion.journal import Journal, Store
from serving.promotion.journal_file import FileStore
from serving.promotion.measurement import Arm, Counts, Window
from serving.promotion.place import name_of
from serving.promotion.record import (
    Body,
    Effect,
    Ended,
    Intent,
    Observed,
    Record,
    Started,
)
from tests.unit.serving.promotion.windows import CALIBRATED, EDGES, GOOD_ANSWERS, contract, plan

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
Traffic = Sequence[Callable[[int], Window]]
"""Windows, given the weight of the canary in them."""


def started(rules: Rules = CALIBRATED, **changes: object) -> Started:
    return Started(
        version=2,
        stable=1,
        contract=contract(),
        plan=plan(**changes),
        rules=rules,
        engine=engine_version(),
        config="sha256:1f",
        who="kim",
        commit="0a1b2c3",
        queries={"requests": 'envoy_cluster_upstream_rq_total{serving_version="2"}'},
    )


class Kept:
    """A store that keeps its lines in memory, for tests of what they say."""

    where = "kept"

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def lines(self, after: int = 0) -> Iterator[bytes]:
        return iter(self.kept[after:])

    def ends(self) -> tuple[bytes, bytes]:
        return self.kept[0], self.kept[-1]

    def append(self, number: int, line: bytes) -> None:
        assert number == len(self.kept) + 1
        self.kept.append(line)

    def repair(self, sound: int) -> None: ...


class Promotion:
    """What an engine does around the journal; its effects are only counted."""

    def __init__(
        self,
        store: Store,
        begin: Started,
        traffic: Traffic,
        facts: Mapping[int, Facts] | None = None,
    ) -> None:
        self._journal = Journal(store, self._clock)
        self._begin = begin
        self._traffic = traffic
        self._facts = facts or {}
        """By number of the window, where there are any."""
        self._seen = 0
        self._windows = 0
        self.course: Course | None = None
        self.effects: list[int] = []

    def resume(self) -> Promotion:
        self._journal.resume(self._take)
        return self

    def run(self) -> Promotion:
        while (body := self._next()) is not None:
            self._take(self._journal.append(body))
        return self

    def _next(self) -> Body | None:
        course = self.course
        if course is None:
            return self._begin
        if course.ended:
            return None
        if course.intent is not None:
            self.effects.append(course.intent.weight or 0)
            return Effect(confirmed=True)
        if course.undecided:
            return course.decide(self._facts.get(self._windows))
        if course.decided and course.decided.decision.weight != course.state.weight:
            return Intent(action="weight", weight=course.decided.decision.weight, fence=1)
        return self._end(course) or self._observe(course)

    def _end(self, course: Course) -> Ended | None:
        decision = course.decided.decision if course.decided else None
        if decision is None:
            return None
        if decision.verdict is Verdict.ROLLBACK:
            return Ended(outcome="rolled back", weight=0, reason=decision.reason)
        if course.state.weight == 100:
            return Ended(outcome="promoted", weight=100, reason=decision.reason)
        return None

    def _observe(self, course: Course) -> Observed | None:
        if self._windows == len(self._traffic):
            return None
        return Observed(window=self._traffic[self._windows](course.state.weight))

    def _take(self, record: Record) -> None:
        self._seen = record.number
        self._windows += isinstance(record.body, Observed)
        if isinstance(record.body, Started):
            self.course = Course(record.body)
        elif self.course is not None:
            self.course.take(record.body)

    def _clock(self) -> datetime:
        """15 s a window: what is written again has the same time."""
        return NOON + timedelta(seconds=15 * self._windows, milliseconds=self._seen)


def simulated(
    seed: int,
    windows: int,
    *,
    rps: float = 60,
    errors: float = 0.001,
    slow: float = 0.002,
    since: int = 0,
) -> Traffic:
    """Random traffic; from window `since` on, these are the canary's shares of bad requests."""
    return [
        partial(_drawn, seed, i, rps, *((errors, slow) if i >= since else (0.001, 0.002)))
        for i in range(windows)
    ]


def _drawn(seed: int, index: int, rps: float, errors: float, slow: float, weight: int) -> Window:
    draw = random.Random(f"{seed}/{index}")

    def arm(share: float, error_share: float, slow_share: float) -> Arm:
        expected = 15 * rps * share
        requests = max(round(draw.gauss(expected, expected**0.5)), 0)
        late = _hits(draw, requests, slow_share)
        half = _hits(draw, requests, 0.2)
        slower = tuple(
            requests if i < 2 else max(half, late) if i < 5 else late if i < 9 else 0
            for i in range(EDGES)
        )
        failed = _hits(draw, requests, error_share)
        queue = requests * draw.randint(800, 1200)
        return Arm(
            counts=Counts(
                requests=requests, errors=failed, slower=slower, queue_us=queue, served=requests
            )
        )

    return Window(
        started=NOON.timestamp() + 15 * index,
        seconds=15.0,
        weight=weight,
        canary=arm(weight / 100, errors, slow),
        stable=arm(1 - weight / 100, 0.001, 0.002),
        answers=GOOD_ANSWERS,
    )


def _hits(draw: random.Random, trials: int, share: float) -> int:
    return sum(draw.random() < share for _ in range(trials))


def kept(traffic: Traffic, begin: Started | None = None) -> Kept:
    store = Kept()
    Promotion(store, begin or started(), traffic).run()
    return store


def recorded(folder: Path, traffic: Traffic, begin: Started | None = None) -> FileStore:
    """Written at once, without a sync for each line."""
    begin = begin or started()
    path = Path(name_of(str(folder), begin.model, begin.version, NOON))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(kept(traffic, begin).kept))
    return FileStore(path)
