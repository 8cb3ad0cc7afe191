"""What callers see right now, from the record of the load while it is being written."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from serving.load import Reading, Request, Tally

RECENT_SECONDS: Final = 10.0

Who: TypeAlias = tuple[str, int | None]
"""Model and version that answered; None: nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    model: str
    version: int | None
    rps: float
    """Of late, as are the quantiles."""
    p50_ms: float | None
    p99_ms: float | None
    requests: int
    errors: int
    wrong: int
    lost: int


class Figures:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._recent: deque[Request] = deque()
        self._totals: defaultdict[Who, Tally] = defaultdict(Tally)
        self.rows: Sequence[Row] = ()
        """As of the last look; whoever draws them may do so in a thread of its own."""

    def look(self) -> None:
        for request in self._reading.more():
            self._totals[request.model, request.version].add(request)
            self._recent.append(request)
        if self._recent:
            newest = max(request.due for request in self._recent)
            while self._recent[0].due < newest - RECENT_SECONDS:
                self._recent.popleft()
        self.rows = self._rows()

    @property
    def lost(self) -> int:
        return sum(row.lost for row in self.rows)

    def _rows(self) -> Sequence[Row]:
        recent = self._of_late()
        seconds = max(self._span(), 1.0)
        return [
            Row(
                model=model,
                version=version,
                rps=recent[model, version].requests / seconds,
                p50_ms=recent[model, version].ms(0.5),
                p99_ms=recent[model, version].ms(0.99),
                requests=tally.requests,
                errors=tally.outcomes["error"],
                wrong=tally.outcomes["wrong"],
                lost=tally.lost,
            )
            for (model, version), tally in sorted(
                self._totals.items(), key=lambda item: (item[0][0], item[0][1] or 0)
            )
        ]

    def _of_late(self) -> Mapping[Who, Tally]:
        recent: defaultdict[Who, Tally] = defaultdict(Tally)
        for request in self._recent:
            recent[request.model, request.version].add(request)
        return recent

    def _span(self) -> float:
        if not self._recent:
            return 0.0
        due = [request.due for request in self._recent]
        return max(due) - min(due)
