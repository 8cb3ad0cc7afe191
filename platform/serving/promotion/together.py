"""One stack for several promotions of one process: changes that fall together are one update."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from serving.errors import ServingError
from serving.promotion.journal import Overtaken
from serving.promotion.stack import Changes, Stack, Still, UpdateFailed, always
from serving.settings import Release


@dataclass(eq=False)
class _Wanted:
    changes: Changes
    patience: float
    still: Still
    done: bool = False
    problem: ServingError | None = None


class Together:
    """Whoever comes while an update runs waits, and goes with all the others that wait."""

    def __init__(
        self,
        stack: Stack,
        *,
        gather_seconds: float = 0.0,
        applied: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stack = stack
        self._gather_seconds = gather_seconds
        """For others who are about to come; nothing where nobody can."""
        self._applied = applied
        """Hears of each update that has come into force, before the next one begins."""
        self._sleep = sleep
        self._turn = threading.Lock()
        self._guard = threading.Lock()
        self._waiting: list[_Wanted] = []

    def deployed(self) -> Mapping[str, Release]:
        return self._stack.deployed()

    def locked_by(self) -> str:
        """Also by an update of another promotion of ours, which may start a server for minutes."""
        return self._stack.locked_by()

    def apply(self, changes: Changes, patience: float, still: Still = always) -> None:
        mine = _Wanted(changes, patience, still)
        with self._guard:
            self._waiting.append(mine)
        with self._turn:
            if not mine.done:
                self._sleep(self._gather_seconds)
                self._update()
        if mine.problem is not None:
            raise mine.problem

    def _update(self) -> None:
        with self._guard:
            batch, self._waiting = self._waiting, []
        try:
            self._apply({model: e for each in batch for model, e in each.changes.items()}, batch)
        except (UpdateFailed, Overtaken) as error:
            if len(batch) == 1:
                batch[0].problem = error
                return
            for each in batch:  # one that cannot be applied is nobody else's fault
                self._alone(each)
        except ServingError as error:
            for each in batch:
                each.problem = error
        finally:
            for each in batch:
                each.done = True

    def _alone(self, wanted: _Wanted) -> None:
        try:
            self._apply(wanted.changes, [wanted])
        except ServingError as error:
            wanted.problem = error

    def _apply(self, changes: Changes, batch: list[_Wanted]) -> None:
        def still() -> None:
            for each in batch:
                each.still()

        self._stack.apply(changes, min(each.patience for each in batch), still)
        self._applied()
