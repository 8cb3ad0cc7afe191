"""All raw samples of one window, and what was counted in it: by version, pod and bucket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import inf

from serving.contract.model import ModelContract
from serving.observability.dialect import Series
from serving.observability.edges import le_pattern
from serving.promotion.gateway import Quantity
from serving.promotion.increments import Raw, Target, by_label, known_targets, restarts, total


@dataclass(frozen=True, kw_only=True)
class Scrape:
    series: Mapping[str, tuple[Raw, ...]]
    """By selector, with at least the last sample before the window."""
    since: float
    until: float
    interval: float
    """Seconds between two scrapes of one target."""

    @cached_property
    def known(self) -> frozenset[Target]:
        return known_targets((raw for found in self.series.values() for raw in found), self.since)

    def counted(self, selector: str) -> float:
        return total(self.series[selector], self.since, self.known)

    def counted_by_pod(self, selector: str) -> dict[str, float]:
        return by_label(self.series[selector], "pod", self.since, self.known)

    def quantity(self, contract: ModelContract, quantity: Quantity) -> int:
        """Never negative, though its terms may not have been scraped in the same instant."""
        terms = (term.sign * self.counted(term.series.of(contract)) for term in quantity)
        return max(round(sum(terms)), 0)

    def quantity_by_pod(self, contract: ModelContract, quantity: Quantity) -> dict[str, int]:
        sums: defaultdict[str, float] = defaultdict(float)
        for term in quantity:
            for pod, count in self.counted_by_pod(term.series.of(contract)).items():
                sums[pod] += term.sign * count
        return {pod: max(round(count), 0) for pod, count in sums.items()}

    def restarted_pods(self, selector: str) -> set[str]:
        return {
            raw.labels.get("pod", "")
            for raw in self.series[selector]
            if restarts(raw.samples, self.since)
        }

    def last(self, selector: str) -> list[tuple[Raw, float]]:
        """The value of each gauge that is no older than a window may be."""
        return [
            (raw, raw.samples[-1][1])
            for raw in self.series[selector]
            if raw.samples and raw.samples[-1][0] > self.until - 2 * self.interval
        ]


def buckets_of(contract: ModelContract, latency: Series) -> str:
    """The selector of the buckets at the contract's edges, and of all requests."""
    edges = map(le_pattern, contract.observability.latency_edges_ms)
    return latency.of(contract, "_bucket", le="|".join((*edges, r"\+Inf")))


def by_edge(series: Iterable[Raw]) -> dict[float, list[Raw]]:
    found: defaultdict[float, list[Raw]] = defaultdict(list)
    for raw in series:
        with suppress(KeyError, ValueError):
            found[float(raw.labels["le"])].append(raw)
    return dict(found)


def slower_than(
    scrape: Scrape, series: Iterable[Raw], edges: Iterable[float], requests: int
) -> tuple[int, ...]:
    """Requests slower than each edge; none more than were counted, as Envoy's histograms lag."""
    counts = {
        edge: total(raws, scrape.since, scrape.known) for edge, raws in by_edge(series).items()
    }
    everything = counts.get(inf, 0.0)
    return tuple(
        min(max(round(everything - counts.get(edge, everything)), 0), requests) for edge in edges
    )
