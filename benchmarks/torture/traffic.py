"""Requests whose canary is well, or fails from a given weight on."""

from __future__ import annotations

from typing import Final

from serving.promotion.measurement import Window
from serving.promotion.record import Started
from tests.unit.serving.promotion.recorded import simulated, started

WINDOWS: Final = 400
DWELL_SECONDS: Final = 15.0
ERRORS: Final = 0.3


class Traffic:
    """The same for each process that goes on with a promotion."""

    def __init__(self, harm_from: int | None) -> None:
        self._well = simulated(1, WINDOWS)
        self._ill = simulated(1, WINDOWS, errors=ERRORS)
        self._harm_from = harm_from
        self._seen = 0
        self._since = False

    def window(self, weight: int) -> Window:
        return (self._ill if self._is_ill(weight) else self._well)[self._seen](weight)

    def heard(self, weight: int) -> None:
        """Of one more window, now or before a restart."""
        self._seen += 1
        self._since = self._is_ill(weight)

    def _is_ill(self, weight: int) -> bool:
        """Once it is, it stays so."""
        return self._since or (self._harm_from is not None and weight >= self._harm_from)


def begun(steps: tuple[int, ...]) -> Started:
    return started(
        steps=steps, dwell_seconds=(DWELL_SECONDS,) * len(steps), watch_seconds=DWELL_SECONDS
    )
