"""Increments of counters between two moments, from raw samples and across restarts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

Sample: TypeAlias = tuple[float, float]
"""Seconds since 1970, and the value."""
LARGEST = 2.0**63
Target: TypeAlias = tuple[str, str]
"""Job and instance: one thing that is scraped."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One series as it was scraped, oldest sample first."""

    labels: Mapping[str, str]
    samples: Sequence[Sample]

    @property
    def target(self) -> Target:
        return self.labels.get("job", ""), self.labels.get("instance", "")

    @property
    def counts(self) -> bool:
        """Every value is one that a counter can have; NaN is none."""
        return all(0.0 <= value < LARGEST for _, value in self.samples)


def increment(samples: Iterable[Sample], since: float, *, born: bool = False) -> float:
    """What was counted after `since`. A fall of the value is a restart from zero.

    It is counted from the last sample up to `since`, so windows that touch share nothing and miss
    nothing. Without such a sample it is counted from zero if the series was `born` in the window,
    otherwise from its first sample: what came before may be years old.
    """
    total, last = 0.0, 0.0 if born else None
    for at, value in samples:
        if at > since and last is not None:
            total += value - last if value >= last else value
        last = value
    return total


def restarts(samples: Sequence[Sample], since: float) -> int:
    return sum(after < before for (_, before), (at, after) in pairwise(samples) if at > since)


def known_targets(series: Iterable[Raw], since: float) -> frozenset[Target]:
    """Scraped before the window: a series of theirs that appears in it began in it."""
    return frozenset(raw.target for raw in series if raw.samples and raw.samples[0][0] <= since)


def total(series: Iterable[Raw], since: float, known: Collection[Target]) -> float:
    return sum(increment(raw.samples, since, born=raw.target in known) for raw in series)


def by_label(
    series: Iterable[Raw], label: str, since: float, known: Collection[Target]
) -> dict[str, float]:
    """Series without the label count nowhere."""
    totals: defaultdict[str, float] = defaultdict(float)
    for raw in series:
        if name := raw.labels.get(label):
            totals[name] += increment(raw.samples, since, born=raw.target in known)
    return dict(totals)
