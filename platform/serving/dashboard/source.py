"""Where the page has its data from, and what it is told of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from serving.contract.model import ModelContract
from serving.dashboard.alert import alerts
from serving.dashboard.promotion import Promotions
from serving.dashboard.traffic import traffic
from serving.errors import ServingError
from serving.promotion.journal import readable
from serving.promotion.prometheus import Prometheus
from serving.promotion.report import report
from serving.promotion.timeline import Timeline
from serving.stacks.local.status import ProcessStatus

RANGES: Final = (300, 900, 3600, 21_600)
"""Seconds that may be looked back on."""
ANSWERS: Final = ("traffic", "promotions", "alerts", "processes")
_TOLD: Final = ("name", "kind", "pid", "alive", "since", "rss_bytes")


@dataclass(frozen=True, kw_only=True)
class Sources:
    stack: str
    prometheus: str
    """Its address."""
    scrape_seconds: float
    journals: Path
    contracts: Callable[[], Mapping[str, ModelContract]]
    """Raises ServingError where they cannot be read."""
    processes: Callable[[], Sequence[ProcessStatus]]
    held: Callable[[str], bool]
    """Whether somebody is at a promotion of this model just now."""
    clock: Callable[[], float] = time.time


class Site:
    """Answers from the sources; remembers what it need not ask for again."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._prometheus = Prometheus(sources.prometheus)
        self._tls = httpx.create_ssl_context()  # takes as long as all the rest of a question
        self._promotions = Promotions(sources.journals)

    def answer(self, what: str, seconds: int) -> dict[str, Any]:
        """`what`: one of ANSWERS. What cannot be had is a problem that is told."""
        try:
            found = self._found(what, seconds)
        except (ServingError, OSError) as error:
            found = {"problem": str(error)}
        return {"now": self._sources.clock(), "stack": self._sources.stack} | found

    def _found(self, what: str, seconds: int) -> dict[str, Any]:
        match what:
            case "traffic":
                return self._traffic(seconds)
            case "promotions":
                return {"promotions": self._told()}
            case "alerts":
                return asdict(alerts(self._sources.prometheus, self._tls))
            case _:
                return {"processes": [_process(each) for each in self._sources.processes()]}

    def report(self, name: str) -> str | None:
        """The page of one promotion. Raises ServingError where its journal cannot be read."""
        store = self._promotions.store(name)
        return None if store is None else report(Timeline.of(readable(store, lambda _: None)))

    def _told(self) -> list[dict[str, Any]]:
        """Of a model only the newest can be under way."""
        told, newest = [], set()
        for each in self._promotions.all():
            model = each.row.model
            begun = each.row.outcome == "unfinished" and model not in newest
            newest.add(model)
            told.append(each.document() | {"runs": begun and self._sources.held(model)})
        return told

    def _traffic(self, seconds: int) -> dict[str, Any]:
        found = traffic(
            self._prometheus,
            self._sources.contracts(),
            seconds=seconds,
            scrape_seconds=self._sources.scrape_seconds,
            clock=self._sources.clock,
        )
        return found.document()


def _process(process: ProcessStatus) -> dict[str, Any]:
    told = {name: getattr(process, name) for name in _TOLD}
    return told | {"ports": dict(process.ports)}
