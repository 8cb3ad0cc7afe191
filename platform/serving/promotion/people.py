"""What people want of a promotion, as facts: once it is recorded, it is remembered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from serving.errors import ServingError
from serving.promotion.asks import Ask, Asks
from serving.promotion.course import Course
from serving.promotion.decision import Acceptance, Approval, Facts, Override, Verdict
from serving.promotion.record import Decided, Record, Started

LOOK_SECONDS: Final = 1.0
"""Between two looks for something new."""


class People:
    def __init__(
        self,
        asks: Asks,
        config: Callable[[], str],
        *,
        superseded_by: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asks = asks
        self._config = config
        """Digest of the configuration as it is now. Raises ServingError where it is broken."""
        self._superseded_by = superseded_by
        self._clock = clock
        self._looked = float("-inf")
        self._waiting: Mapping[str, Ask] = {}
        self._done: set[str] = set()
        """Names of what was taken up, though it may lie there still."""
        self._known = ""
        """The configuration of the start, or the last one that was accepted."""
        self._abort = ""
        self._approvals: tuple[Approval, ...] = ()

    def facts(self, course: Course) -> Facts:
        self._look(course)
        asked = list(self._waiting.values())
        aborts = [f"{ask.who}: {ask.reason}" for ask in asked if ask.kind == "abort"]
        overrides = [
            Override(who=ask.who, reason=ask.reason) for ask in asked if ask.kind == "override"
        ]
        accepted = self._accepted()
        return Facts(
            abort=self._abort or "; ".join(aborts),
            override=overrides[-1] if overrides else None,
            superseded_by=self._superseded_by,
            approvals=(*self._approvals, *self._approved()),
            accepted=accepted,
            changed=self._difference(accepted.config if accepted else self._known),
        )

    def changed(self) -> str:
        """What became of the configuration since somebody agreed to it."""
        accepted = self._accepted()
        return self._difference(accepted.config if accepted else self._known)

    def want_an_end(self, course: Course) -> bool:
        self._look(course)
        asked = any(ask.kind == "abort" for ask in self._waiting.values())
        return asked or bool(self._abort) or self._superseded_by is not None

    def heard(self, course: Course, record: Record) -> None:
        """A record is the memory: it is the same after a restart."""
        match record.body:
            case Started(config=config):
                self._known = config
            case Decided(facts=facts, decision=decision):
                self._abort = self._abort or facts.abort
                if facts.superseded_by is not None:
                    self._superseded_by = facts.superseded_by
                self._approvals = tuple(each for each in facts.approvals if each.gate)
                if facts.accepted is not None:
                    self._known = facts.accepted.config
                self._take_up(decision.verdict is Verdict.ADVANCE)

    def _take_up(self, advanced: bool) -> None:
        """A consent to one step waits until there was one."""
        done = [
            name
            for name, ask in self._waiting.items()
            if advanced or ask.kind in ("abort", "accept") or ask.gate
        ]
        self._done.update(done)
        self._waiting = {n: ask for n, ask in self._waiting.items() if n not in done}
        with suppress(ServingError):
            self._asks.remove(done)

    def _look(self, course: Course) -> None:
        if self._clock() < self._looked + LOOK_SECONDS:
            return
        self._looked = self._clock()
        with suppress(ServingError):  # whoever asks is told that nobody has taken it up
            found = self._asks.waiting(course.started.version)
            self._waiting = {n: ask for n, ask in found.items() if n not in self._done}

    def _approved(self) -> list[Approval]:
        kept = {each.gate for each in self._approvals}
        return [
            Approval(who=ask.who, reason=ask.reason, gate=ask.gate)
            for ask in self._waiting.values()
            if ask.kind == "approve" and ask.gate not in kept
        ]

    def _accepted(self) -> Acceptance | None:
        accepts = [ask for ask in self._waiting.values() if ask.kind == "accept"]
        if not accepts:
            return None
        last = accepts[-1]
        return Acceptance(who=last.who, reason=last.reason, config=last.config)

    def _difference(self, known: str) -> str:
        if self._superseded_by is not None:  # by somebody who has started with what it says now
            return ""
        try:
            now = self._config()
        except ServingError as error:
            return f"the configuration cannot be read: {error}"
        if now == known:
            return ""
        return f"the configuration was changed: it is {short(now)} now, not {short(known)}"


def short(digest: str) -> str:
    kind, _, value = digest.rpartition(":")
    return f"{kind}:{value[:12]}" if kind else value[:12]
