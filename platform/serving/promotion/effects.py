"""What a promotion does to the world; nothing counts before it was read back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from serving.errors import ServingError
from serving.promotion.course import Course
from serving.promotion.journal import Overtaken
from serving.promotion.phases import Phase
from serving.promotion.record import Effect
from serving.promotion.route import Route, shares_of
from serving.promotion.stack import Stack, Still, UpdateFailed, always
from serving.settings import Release

READ_BACKS: Final = 20
READ_BACK_SECONDS: Final = 0.5


class Unfit(ServingError):
    """The version itself does not work."""


class Candidate(Protocol):
    """The version before it takes traffic. Each raises ServingError where it is not fit."""

    def verify(self) -> None: ...

    def warm_up(self) -> None: ...

    def golden(self) -> None: ...

    def evaluate(self) -> str:
        """What was found. Raises Unfit where the version itself is to blame."""
        ...


class Effects:
    def __init__(
        self,
        stack: Stack,
        route: Route,
        candidate: Candidate,
        *,
        sleep: Callable[[float], None],
        patience: float,
        drain_seconds: float = 0.0,
        changed: Callable[[], str] = str,
        still: Still = always,
    ) -> None:
        self._stack = stack
        self._route = route
        self._candidate = candidate
        self._sleep = sleep
        self._patience = patience
        """Seconds to wait for others who change the stack."""
        self._drain_seconds = drain_seconds
        """Longer than the gateway waits for any answer."""
        self._changed = changed
        """What became of the configuration that the next update would bring into force."""
        self._still = still
        """The lease: for a process that was stopped, the last check may be long ago."""

    def weight(self, course: Course) -> int | None:
        """None where it cannot be read: unknown is not changed."""
        try:
            shares = self._route.shares(course.started.model)
        except ServingError:
            return None
        return shares.get(course.started.version, 0)

    def locked_by(self) -> str:
        return self._stack.locked_by()

    def perform(self, phase: Phase, course: Course, weight: int | None) -> Effect:
        """May have happened already, in part or whole: then it is completed."""
        try:
            return Effect(confirmed=True, detail=self._perform(phase, course, weight or 0))
        except Overtaken:
            raise
        except Unfit as error:
            return Effect(confirmed=False, detail=str(error), unfit=True)
        except ServingError as error:
            return Effect(confirmed=False, detail=str(error))

    def _perform(self, phase: Phase, course: Course, weight: int) -> str:
        started = course.started
        match phase:
            case Phase.VERIFY:
                self._candidate.verify()
            case Phase.WARM_UP:
                self._candidate.warm_up()
            case Phase.GOLDEN:
                self._candidate.golden()
            case Phase.EVALUATE:
                return self._candidate.evaluate()
            case Phase.DEPLOY:
                self._deploy(course)
            case Phase.SHIFT:
                return self._shift(course, _canary(course, weight))
            case Phase.BREAK_GLASS:
                shares = shares_of(_canary(course, weight))
                self._still()
                self._route.change(started.model, shares)
                self._confirm(started.model, shares)
            case Phase.PROMOTE:
                self._release(course, Release(stable=started.version, previous=started.stable))
            case Phase.REMOVE:
                self._remove(course)
        return ""

    def _deploy(self, course: Course) -> None:
        """A server that never comes up is no reason to try again: the update names it."""
        try:
            self._release(course, _canary(course, 0))
        except UpdateFailed as error:
            server = re.escape(f"{course.started.model}-{course.started.version}")
            if re.search(rf"(?<![\w-]){server}(?![\w])", str(error)):
                raise Unfit(str(error)) from error
            raise

    def _remove(self, course: Course) -> None:
        """Also what was put there by others, with a weight that nobody recorded."""
        started = course.started
        model, version = started.model, started.version
        entry = self._stack.deployed().get(model)
        if entry is not None and entry.canary == version and self.weight(course):
            self._release(course, _canary(course, 0))
        if entry is not None and version in (entry.stable, entry.canary, entry.previous):
            self._route.drain(model, version, self._drain_seconds)
        first = started.stable is None
        self._release(course, None if first else Release(stable=started.stable))

    def _shift(self, course: Course, canary: Release) -> str:
        """An engine that failed may have done it all the same."""
        model, version = course.started.model, course.started.version
        if canary.weight > course.state.weight:
            now = self._route.shares(model).get(version, 0)
            if now not in (course.state.weight, canary.weight):
                raise ServingError(f"model {model}: the weight in force, {now}, was set by others")
        try:
            self._release(course, canary)
        except UpdateFailed as error:
            entry = self._stack.deployed().get(model)
            if entry is None or entry.model_copy(update={"revision": 0}) != canary:
                raise
            try:
                self._confirm(model, shares_of(canary))
            except ServingError as unconfirmed:
                raise ServingError(f"{error}; {unconfirmed}") from error
            return f"in force, though {error}"
        return ""

    def _release(self, course: Course, wanted: Release | None) -> None:
        started = course.started
        entry = self._stack.deployed().get(started.model)
        stable = entry.stable if entry else None
        if stable not in (started.stable, started.version):
            raise ServingError(
                f"model {started.model}: stable is version {stable} now, not {started.stable} as "
                "at the start; start the promotion again"
            )
        if changed := self._changed():
            raise ServingError(f"model {started.model}: {changed}; nothing was applied")
        self._stack.apply({started.model: wanted}, self._patience, self._still)
        self._confirm(started.model, shares_of(wanted) if wanted else {})

    def _confirm(self, model: str, wanted: Mapping[int, int]) -> None:
        for _ in range(READ_BACKS):
            if (found := self._route.shares(model)) == wanted:
                return
            self._sleep(READ_BACK_SECONDS)
        raise ServingError(
            f"model {model}: the route should be {dict(wanted)} (percent by version), but reads "
            f"back as {dict(found)} after {READ_BACKS * READ_BACK_SECONDS:g} s"
        )


def _canary(course: Course, weight: int) -> Release:
    started = course.started
    return Release(stable=started.stable, canary=started.version, weight=weight)
