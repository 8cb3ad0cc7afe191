"""A process stops where it was told to, says so, and waits for what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from benchmarks.torture.points import Site, Where

EVERYWHERE: Final = "before every intent"
REACHED: Final = "reached"
GO_ON: Final = "go-on"
FAULT: Final = "fault"
"""Where the provider is to stop. It does so in the same way."""
POLL_SECONDS: Final = 0.01


class Halting:
    def __init__(self, folder: Path, stop: str) -> None:
        self._folder = folder
        self._everywhere = stop == EVERYWHERE
        self._action, self._weight, self._where, self._operation = (
            stop.split("|") if stop.count("|") == 3 else ("",) * 4
        )
        self._over = False

    def at(self, action: str, weight: int | None, where: Where) -> None:
        if self._everywhere and where is Where.BEFORE_INTENT:
            self._halt(Site(action=action, weight=weight).name)
        elif self._due(action, weight, (where,)):
            self._over = True
            self._halt(where)

    def in_operation(self, action: str, weight: int | None) -> None:
        if self._due(action, weight, (Where.ASKED, Where.DONE)):
            self._over = True
            when = "before" if self._where == Where.ASKED else "after"
            (self._folder / FAULT).write_text(f"{self._operation} {when}", encoding="utf-8")

    def _due(self, action: str, weight: int | None, places: Collection[Where]) -> bool:
        here = (action, _text(weight)) == (self._action, self._weight)
        return here and self._where in places and not self._over

    def _halt(self, where: str) -> None:
        part = self._folder / f".{REACHED}"
        part.write_text(where, encoding="utf-8")
        part.rename(self._folder / REACHED)
        go_on = self._folder / GO_ON
        while not go_on.exists():
            time.sleep(POLL_SECONDS)
        (self._folder / REACHED).unlink()
        go_on.unlink()


def _text(weight: int | None) -> str:
    return "" if weight is None else str(weight)
