"""A stack's morning: its promotions as journals, and what they saw as a Prometheus' history."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from serving.promotion.journal import records
from serving.promotion.journal_file import FileStore
from serving.promotion.measurement import Arm, Window
from serving.promotion.place import name_of
from serving.promotion.record import Observed, Started
from tests.exporters import Exporters
from tests.unit.serving.promotion.recorded import (
    NOON,
    Kept,
    Promotion,
    Traffic,
    simulated,
    started,
)

WINDOW_SECONDS = 15
SLOWER_THAN_SLO = 7
"""The edge of 250 ms."""


class Later(Promotion):
    """Than noon, by some windows."""

    def __init__(self, store: Kept, begin: Started, traffic: Traffic, windows: int) -> None:
        super().__init__(store, begin, traffic)
        self._later = timedelta(seconds=WINDOW_SECONDS * windows)

    def _clock(self) -> datetime:
        return super()._clock() + self._later


class Morning:
    """Version 2 of a model is promoted, version 3 is rolled back, version 4 is on its way."""

    def __init__(self, folder: Path) -> None:
        self.exporters = Exporters()
        self.journals = folder
        self._windows = 0
        self._quiet(1, 8)
        self._promote(1, 2, simulated(1, 200))
        self._quiet(2, 8)
        self._promote(2, 3, simulated(2, 200, slow=0.3, since=12))
        self._quiet(2, 8)
        self._promote(2, 4, simulated(3, 26))

    @property
    def now(self) -> float:
        return NOON.timestamp() + WINDOW_SECONDS * self._windows

    def _quiet(self, version: int, windows: int) -> None:
        for _ in range(windows):
            self.exporters.serve(version, 900, slow=2)
            self._scrape()

    def _promote(self, stable: int, version: int, traffic: Traffic) -> None:
        begun = NOON + timedelta(seconds=WINDOW_SECONDS * self._windows)
        store = Kept()
        begin = replace(started(), version=version, stable=stable)
        Later(store, begin, traffic, self._windows).run()
        path = Path(name_of(str(self.journals), begin.model, version, begun))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(store.kept))
        for record in records(FileStore(path)):
            if isinstance(record.body, Observed):
                self._pass(stable, version, record.body.window)

    def _pass(self, stable: int, version: int, window: Window) -> None:
        self._serve(stable, window.stable or Arm())
        self._serve(version, window.canary)
        self._scrape()

    def _serve(self, version: int, arm: Arm) -> None:
        counts = arm.counts
        self.exporters.serve(
            version,
            counts.requests,
            errors=counts.errors,
            slow=counts.slower[SLOWER_THAN_SLO] if counts.slower else 0,
            queue_us=round(1000 * (counts.queue_ms or 0)),
        )

    def _scrape(self) -> None:
        self._windows += 1
        self.exporters.scrape(self.now)
