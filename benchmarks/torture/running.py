"""A promotion is started again and again until it has ended; then it is looked at."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from benchmarks.torture.checks import Problem, ended, problems
from benchmarks.torture.ledger import Result, discard
from benchmarks.torture.points import Story
from benchmarks.torture.promoter import JOURNAL
from benchmarks.torture.workshop import Promoter, Workshop, forget, strays
from serving.errors import ServingError
from serving.promotion.engine import EXIT_CODES, FINAL
from serving.promotion.journal import readable
from serving.promotion.journal_file import FileStore
from serving.promotion.record import Effect, Ended

STARTS: Final = 4
"""Three times a person may be needed; once more, and it does not end."""
_FINAL: Final = {EXIT_CODES[outcome] for outcome in FINAL}
_PAUSED: Final = {EXIT_CODES[outcome] for outcome in ("held", "asks", "rollback failed")}


@dataclass
class Torment:
    """One promotion, and what was found out about it so far."""

    shop: Workshop
    folder: Path
    story: Story
    began: float = field(default_factory=time.monotonic)
    killed: float | None = None
    """By the wall clock, last."""
    kills: int = 0
    paused: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def start(self, stop: str = "", *options: str) -> Promoter:
        return self.shop.promoter(self.folder, self.story, stop, *options)

    def kill(self) -> None:
        """One more, just now."""
        self.kills += 1
        self.killed = time.time()

    def wrong(self, kind: str, what: str) -> None:
        self.problems.append(Problem(kind=kind, what=what))

    def to_end(self, promoter: Promoter | None = None) -> None:
        for _ in range(STARTS):
            struck, promoter = promoter, None
            code, said = (struck or self.start()).end()
            if code in _FINAL:
                return
            if struck is not None and code == ServingError.exit_code:
                # killed while it was only asked something, the engine takes its promoter with it
                self.paused.append(f"exit status {code}: {said.strip().splitlines()[-1:]}")
                continue
            if code not in _PAUSED:
                self.wrong("wrong end state", f"exit status {code}: {said[-2000:]}")
                return
            self.note_pause()
        self.wrong("wrong end state", f"paused {STARTS} times")

    def note_pause(self) -> None:
        end = ended(self.folder)
        self.paused.append(f"{end.outcome}: {end.reason}" if end else "no end recorded")

    def result(self, part: str, name: str, victim: str = "") -> Result:
        """Ends what is left of it."""
        if found := strays(self.folder):
            self.wrong("stray process", f"{found}")
        forget(self.folder)
        try:
            self.problems += problems(self.folder, self.story)
            end = ended(self.folder)
        except (ServingError, OSError, LookupError, ValueError) as error:
            self.wrong("wrong end state", f"cannot be read: {error!r}")
            end = None
        result = Result(
            part=part,
            name=name,
            victim=victim,
            kills=self.kills,
            outcome=end.outcome if end else "",
            paused=tuple(self.paused),
            problems=tuple(self.problems),
            seconds=round(time.monotonic() - self.began, 1),
            recovery_seconds=self._recovery(),
        )
        if result.problems:
            return replace(result, folder=str(self.folder))
        discard(self.folder)
        return result

    def _recovery(self) -> float | None:
        if self.killed is None:
            return None
        for record in readable(FileStore(self.folder / JOURNAL), lambda torn: None):
            at = datetime.fromisoformat(record.at).timestamp()
            confirmed = isinstance(record.body, Effect) and record.body.confirmed
            if at > self.killed and (confirmed or isinstance(record.body, Ended)):
                return round(at - self.killed, 1)
        return None
