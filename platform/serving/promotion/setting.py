"""A promotion put together: journal, lease, effects and surroundings on the ground of its stack."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Final, Literal, TypeAlias, get_args

from serving.errors import ServingError
from serving.gateway.limits import timeouts
from serving.promotion.answers import Asked, Questions
from serving.promotion.asks import asks_at
from serving.promotion.candidate import PublishedCandidate
from serving.promotion.checkout import Checkout
from serving.promotion.commits import Commits
from serving.promotion.course import Course, engine_version
from serving.promotion.effects import Effects
from serving.promotion.engine import Engine
from serving.promotion.events import Event, tell
from serving.promotion.ground import Ground
from serving.promotion.journal import Journal, Store
from serving.promotion.latest import Latest
from serving.promotion.lease import Lease, held
from serving.promotion.lease_store import lease_at
from serving.promotion.people import People
from serving.promotion.place import name_of, open_store
from serving.promotion.ready import Person, configuration, metrics_of
from serving.promotion.record import (
    Ended,
    Outcome,
    Record,
    Resumed,
    Started,
    Undelivered,
    Waived,
)
from serving.promotion.surroundings import Surroundings
from serving.promotion.synthetic_load import LoadTest
from serving.promotion.together import Together
from serving.settings import Release

PATIENCE_SECONDS: Final = 120.0
"""For others who change the same stack."""
GATHER_SECONDS: Final = 0.3
"""An update takes ten times as long at least: what comes so soon after is worth waiting for."""
DRAINING: Final = 2.0
"""Times as long as the gateway waits for any answer …"""
DRAINING_SECONDS: Final = 10.0
"""… and so long for its counters."""
Commit: TypeAlias = Literal["locally", "push"]
"""What becomes of each change to the stack's file, in the checkout that it lies in."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    ground: Ground
    person: Person
    heard: Callable[[Course, Record], None] = lambda course, record: None
    """From any thread."""
    stop: threading.Event
    """Set where somebody wants all to stop at their next safe point."""
    together: int = 1
    """Promotions that run side by side."""
    commit: Commit | None = None
    clock: Callable[[], float] = time.monotonic
    """By which windows and people are waited for."""

    @cached_property
    def stack(self) -> Together:
        gather = GATHER_SECONDS if self.together > 1 else 0.0
        if self.commits is None:
            return Together(self.ground.stack, gather_seconds=gather)
        return Together(self.ground.stack, gather_seconds=gather, applied=self.commits.applied)

    @cached_property
    def commits(self) -> Commits | None:
        """None where nobody asked for them."""
        if self.commit is None:
            return None
        return Commits(Checkout(self.ground.file), push=self.commit == "push")

    def release(self, model: str) -> Release | None:
        return self.stack.deployed().get(model)

    @contextmanager
    def lease(self, model: str, what: str) -> Iterator[Lease]:
        """Raises Busy, naming the holder."""
        store = lease_at(f"{self.ground.leases.rstrip('/')}/{model}")
        with held(store, self.person.who, what) as lease:
            yield lease

    def start(
        self,
        started: Started,
        lease: Lease,
        waived: tuple[Waived, ...] = (),
        *,
        superseded_by: int | None = None,
    ) -> Ended:
        """What was asked of an earlier promotion is not asked of this one."""
        asks_at(self.ground.leases, started.model).clear()
        now = datetime.now(UTC)
        where = name_of(self.ground.journals, started.model, started.version, now)
        engine = self._engine(started, open_store(where), lease, superseded_by)
        return engine.start(started, waived)

    def resume(
        self,
        last: Latest,
        lease: Lease,
        *,
        reopen: bool = False,
        superseded_by: int | None = None,
    ) -> Ended:
        resumed = Resumed(engine=engine_version(), who=self.person.who, commit=self.person.commit)
        engine = self._engine(last.started, last.store, lease, superseded_by)
        return engine.resume(resumed, reopen=reopen)

    def _engine(
        self, started: Started, store: Store, lease: Lease, superseded_by: int | None
    ) -> Engine:
        ground, model, version = self.ground, started.model, started.version
        limits = timeouts(started.contract)
        people = People(
            asks_at(ground.leases, model),
            partial(configuration, ground, model, version, *_those(started.stable)),
            superseded_by=superseded_by,
            clock=self.clock,
        )
        around = self._around(started, people)
        effects = Effects(
            self.stack,
            ground.route,
            PublishedCandidate(
                started.contract,
                version,
                partial(ground.verify, model, version),
                partial(ground.endpoints, model, version),
                deadline=limits.one_try,
                stopping=self.stop.is_set,
            ),
            sleep=time.sleep,
            patience=PATIENCE_SECONDS,
            drain_seconds=DRAINING * limits.whole + DRAINING_SECONDS,
            changed=people.changed,
            still=lease.check,
        )

        def heard(course: Course, record: Record) -> None:
            around.heard(course, record)
            if self.commits is not None:
                self.commits.heard(store.where, course, record)
            self.heard(course, record)

        journal = Journal(store, lambda: datetime.now(UTC))
        return Engine(journal, lease, effects, around, heard, self._tell)

    def _tell(self, event: Event) -> list[Undelivered]:
        undelivered = tell(self.ground.receivers, event)
        if self.commits is not None:
            if event.what == "resumed":
                self.commits.catch_up(self.stack.deployed)
            last = event.what in get_args(Outcome)
            undelivered += self.commits.problems(event.model, last=last)
        return undelivered

    def _around(self, started: Started, people: People) -> Surroundings:
        ground, contract, stable = self.ground, started.contract, started.stable
        servers = partial(ground.endpoints, started.model)
        compared = ground.published(started.model, stable) if stable is not None else None
        limit = timeouts(contract).one_try
        questions = Questions(contract, (started.version, stable), servers, compared, limit)
        load = LoadTest(contract, started.version, limit) if started.plan.loaded else None
        asked = contract.rollout.gates & {"golden", "mirror"}
        return Surroundings(
            metrics_of(ground),
            people,
            questions.ask if asked else _nothing,
            load,
            servers,
            self.stop,
            stable=compared,
            window_seconds=ground.window_seconds,
            clock=self.clock,
        )


def _nothing() -> Asked:
    return Asked(answers=None, past_gateway={})


def _those(*versions: int | None) -> tuple[int, ...]:
    return tuple(version for version in versions if version is not None)


def in_parallel(jobs: Mapping[str, Callable[[], Ended]]) -> Mapping[str, Ended | ServingError]:
    """By model. One that fails does not stop the others."""
    if not jobs:
        return {}
    with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        futures = {model: pool.submit(job) for model, job in jobs.items()}
        return {model: _end_of(future) for model, future in futures.items()}


def _end_of(future: Future[Ended]) -> Ended | ServingError:
    try:
        return future.result()
    except ServingError as error:
        return error
