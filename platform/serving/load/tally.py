"""Counts of requests and the quantiles of their latency."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

from serving.load.request import Outcome, Request


class Slot(NamedTuple):
    bin: int
    model: str
    version: int | None
    """None: answered by no version."""


@dataclass(slots=True)
class Tally:
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    answered_ms: list[float] = field(default_factory=list)
    """Of requests that a version answered, well or not."""

    def add(self, request: Request) -> None:
        self.outcomes[request.outcome] += 1
        if request.version is not None:
            self.answered_ms.append(request.ms)

    @property
    def requests(self) -> int:
        return self.outcomes.total()

    @property
    def lost(self) -> int:
        return self.outcomes["lost"]

    @property
    def bad(self) -> int:
        return self.outcomes["error"] + self.outcomes["wrong"]

    def ms(self, share: float) -> float | None:
        return quantile(self.answered_ms, share)


def tallied(requests: Iterable[Request], seconds: float) -> Mapping[Slot, Tally]:
    tallies: defaultdict[Slot, Tally] = defaultdict(Tally)
    for request in requests:
        tallies[Slot(int(request.due // seconds), request.model, request.version)].add(request)
    return tallies


def quantile(values: Sequence[float], share: float) -> float | None:
    """The nearest rank: a value that was measured."""
    if not values:
        return None
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]
