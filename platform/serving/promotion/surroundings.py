"""What a running promotion looks at: windows of metrics, golden samples, and what people ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Final, Protocol

from serving.contract.model import ModelContract
from serving.promotion.answers import Asked
from serving.promotion.course import Course
from serving.promotion.decision import Facts, Verdict
from serving.promotion.ground import Endpoint
from serving.promotion.measurement import Counts
from serving.promotion.metrics import Metrics
from serving.promotion.people import LOOK_SECONDS, People
from serving.promotion.record import Observed, Record, Resumed
from serving.promotion.synthetic_load import LoadTest, loaded
from serving.promotion.tally import Subject, Tally

LEAST_SECONDS: Final = 1.0
"""Of load, however long the golden samples took."""


class Stop(Protocol):
    """A flag that is waited for."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float) -> bool: ...


class Surroundings:
    def __init__(
        self,
        metrics: Metrics,
        people: People,
        ask: Callable[[], Asked],
        load: LoadTest | None,
        servers: Callable[[int], Sequence[Endpoint]],
        stop: Stop,
        *,
        stable: ModelContract | None,
        window_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._metrics = metrics
        self._people = people
        self._ask = ask
        self._load = load
        """Before the version takes traffic; None where nobody asks for it."""
        self._servers = servers
        self._stop = stop
        self._stable = stable
        """As it was published; None on a first release."""
        self._window_seconds = window_seconds
        self._clock = clock
        self._sleep = sleep
        self._tally = Tally()

    def observe(self, course: Course) -> Observed:
        """Golden samples are asked as the window begins, so that it counts them itself."""
        begun = self._clock()
        asked, seen = self._ask(), None
        left = self._window_seconds - (self._clock() - begun)
        servers = self._servers(course.started.version)
        if self._load is not None and servers and not course.state.weight:
            seen = self._load.run(servers, max(left, LEAST_SECONDS))
        else:
            self._wait(begun + self._window_seconds, course)
        past_gateway = dict(asked.past_gateway)
        if seen is not None:
            past_gateway["canary"] = past_gateway.get("canary", 0) + seen.requests
        observed = self._observed(course, asked, seen, past_gateway)
        if not observed.window.unmet:
            return observed
        # how long nothing is known is no question to the metrics, which may be what is missing
        window = replace(observed.window, seconds=self._clock() - begun)
        return replace(observed, window=window)

    def _observed(
        self, course: Course, asked: Asked, seen: Counts | None, past_gateway: Mapping[str, int]
    ) -> Observed:
        weight = course.state.weight
        window, tally = self._metrics.observe(
            subject_of(course, self._stable), weight, self._tally, past_gateway
        )
        window = replace(window, answers=asked.answers)
        if seen is None:
            return Observed(window=window, tally=tally)
        # so many requests past the gateway would hide how few of its own a server counts
        accounts = {arm: each for arm, each in tally.accounts.items() if arm != "canary"}
        return Observed(window=loaded(window, seen), tally=replace(tally, accounts=accounts))

    def facts(self, course: Course) -> Facts:
        return replace(self._people.facts(course), stable_capacity=self._stable_capacity(course))

    def stopping(self) -> bool:
        return self._stop.is_set()

    def pause(self, course: Course, seconds: float, *, calm: bool) -> None:
        if calm:
            self._sleep(seconds)
        else:
            self._wait(self._clock() + seconds, course)

    def heard(self, course: Course, record: Record) -> None:
        self._people.heard(course, record)
        match record.body:
            case Observed(tally=Tally() as tally):
                self._tally = tally
            case Resumed():
                # what was sent straight to servers before nobody knows
                self._tally = replace(self._tally, accounts={})

    def _wait(self, until: float, course: Course) -> None:
        """A rollback under way is watched calmly, whoever is in a hurry."""
        decided = course.decided.decision.verdict if course.decided else None
        while (left := until - self._clock()) > 0:
            if decided is Verdict.ROLLBACK:
                self._sleep(left)
            elif self._stop.wait(min(left, LOOK_SECONDS)) or self._people.want_an_end(course):
                return

    def _stable_capacity(self, course: Course) -> float:
        """Requests stable's servers can take, over all there are; infinite where nobody knows."""
        started, window = course.started, course.window
        holds = started.contract.scaling.replica_rps
        if started.stable is None or holds is None or window is None or not window.seconds:
            return inf
        if window.loaded:  # nobody knows how many requests users bring
            return inf
        counts = window.canary.counts
        if 2 * counts.errors > counts.requests:  # what it fails stable has to take already
            return inf
        arms = [window.canary, *([window.stable] if window.stable else [])]
        rps = sum(arm.counts.requests for arm in arms) / window.seconds
        return len(self._servers(started.stable)) * holds / rps if rps else inf


def subject_of(course: Course, stable: ModelContract | None) -> Subject:
    started = course.started
    return Subject(
        contract=started.contract,
        canary=started.version,
        stable=started.stable,
        stable_contract=stable,
        mirrored=started.plan.shadow and course.state.weight == 0,
    )
