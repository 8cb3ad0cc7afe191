"""Keeps what promotions change in git, behind their backs: none waits for it, or fails by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias

from serving.errors import ServingError
from serving.promotion.checkout import Checkout
from serving.promotion.commit_message import Because, message
from serving.promotion.course import Course
from serving.promotion.phases import BEFORE_USERS, Phase
from serving.promotion.record import Decided, Effect, Intent, Record, Started, Undelivered
from serving.promotion.stack import UpdateFailed
from serving.promotion.table import Table, table_in

WHERE: Final = "git"
PATIENCE_SECONDS: Final = 60.0
"""At the end, when nothing else is left to do."""
Why: TypeAlias = Mapping[str, Because]
"""By model."""


class Commits:
    def __init__(self, checkout: Checkout, *, push: bool) -> None:
        self._checkout = checkout
        self._push = push
        self._why: dict[str, Because] = {}
        self._preparing: dict[str, str] = {}
        """By model, what is done before anything is decided; empty afterwards."""
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commits")
        self._last: Future[None] | None = None
        self._problem = ""
        """Why git does not have everything, as far as is known."""
        self._told: dict[str, str] = {}
        """By model."""

    def heard(self, journal: str, course: Course, record: Record) -> None:
        """Why this model is about to be changed."""
        model, reason = course.started.model, ""
        match record.body:
            case Started(who=who):
                reason = f"started by {who}"
            case Decided(decision=decision):
                reason = decision.reason
            case Intent(action=action):
                self._preparing[model] = action if Phase(action) in BEFORE_USERS else ""
            case Effect(confirmed=False, detail=detail) if phase := self._preparing.get(model):
                reason = f"{phase}: {detail}"
        if reason:
            self._why[model] = Because(reason=reason, journal=journal)

    def applied(self) -> None:
        """An update has come into force; to be called before anybody changes the file again."""
        try:
            text = self._text()
        except (OSError, ValueError) as error:
            self._problem = f"{self._checkout.file}: cannot be read: {error}"
            return
        why = dict(self._why)
        self._submit(lambda: self._keep(text, why))

    def catch_up(self, deployed: Callable[[], Table]) -> None:
        """With what a killed promotion has deployed, and had no time to commit."""
        why = dict(self._why)

        def keep() -> None:
            table = table_in(text := self._text())
            if table == self._checkout.committed():
                return
            with suppress(UpdateFailed):  # the next step commits it as well
                if table == deployed():
                    self._keep(text, why)

        self._submit(keep)

    def problems(self, model: str, *, last: bool = False) -> list[Undelivered]:
        """What was not told of this model yet; `last`: once everything was tried."""
        if last and self._last is not None:
            _, late = wait([self._last], PATIENCE_SECONDS)
            self._problem = f"no end in {PATIENCE_SECONDS:g} s" if late else self._problem
        problem, told = self._problem, self._told.get(model, "")
        self._told[model] = problem
        return [Undelivered(to=WHERE, problem=problem)] if problem not in ("", told) else []

    def _submit(self, keep: Callable[[], None]) -> None:
        def job() -> None:
            try:
                keep()
                if self._push:
                    self._checkout.push()
                self._problem = ""
            except ServingError as error:
                self._problem = str(error)
            except Exception as error:  # nobody else would ever hear of it
                self._problem = f"{type(error).__name__}: {error}"

        self._last = self._worker.submit(job)

    def _keep(self, text: str, why: Why) -> None:
        self._checkout.commit(text, partial(message, because=why))

    def _text(self) -> str:
        return self._checkout.file.read_bytes().decode()
