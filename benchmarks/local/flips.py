"""Changes of weight under load: what is lost, how long one takes, whether the split is right."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.local.driving import Watch, load
from benchmarks.local.ground import MODEL, Bench
from serving.load import Request, read
from serving.promotion.envoy_route import EnvoyRoute
from serving.settings import Release
from serving.stacks.local.status import addresses

RATE: Final = 220.0
ROUTE_FLIPS: Final = 200
STACK_FLIPS: Final = 20
PATIENCE_SECONDS: Final = 20.0
SPLIT: Final = 10
"""Percent."""
SPLIT_REQUESTS: Final = 2000
"""Of each protocol."""


@dataclass(frozen=True, kw_only=True)
class Flips:
    changes: int
    requests: int
    lost: int
    first_seconds: Sequence[float]
    """From the start of a change that sends the first requests to a version to the first of them
    that was answered by it."""

    @property
    def median_seconds(self) -> float:
        return statistics.median(self.first_seconds)


def by_route(bench: Bench, folder: Path) -> Flips:
    """Through the writer that a rollback uses when it cannot wait for the stack."""
    route = EnvoyRoute(addresses(bench.place).gateway_admin, bench.place.envoy / "routes.json")
    with load(bench, addresses(bench.place).gateway, RATE, folder / "route.jsonl") as reading:
        watch, first = Watch(reading), []
        for canary in _alternating(ROUTE_FLIPS):
            begun = watch.now()
            route.change(MODEL, {1: 100 - canary, 2: canary} if canary else {1: 100})
            if canary and (seen := watch.until(_by(2, begun), PATIENCE_SECONDS)):
                first.append(seen.due - begun)
            time.sleep(0.2)
    return _told(folder / "route.jsonl", ROUTE_FLIPS, first)


def by_stack(bench: Bench, folder: Path) -> Flips:
    """As a promotion does: configuration, engine, read-back."""
    stack = bench.stack
    with load(bench, addresses(bench.place).gateway, RATE, folder / "stack.jsonl") as reading:
        watch, first = Watch(reading), []
        for canary in _alternating(STACK_FLIPS):
            begun = watch.now()
            stack.apply({MODEL: Release(stable=1, canary=2, weight=canary)}, PATIENCE_SECONDS)
            if canary and (seen := watch.until(_by(2, begun), PATIENCE_SECONDS)):
                first.append(seen.due - begun)
    return _told(folder / "stack.jsonl", STACK_FLIPS, first)


def split(bench: Bench, folder: Path) -> Mapping[str, float]:
    """Percent of the requests that the canary answered, by protocol."""
    bench.stack.apply({MODEL: Release(stable=1, canary=2, weight=SPLIT)}, PATIENCE_SECONDS)
    seconds = 2 * SPLIT_REQUESTS / RATE + 5
    with load(bench, addresses(bench.place).gateway, RATE, folder / "split.jsonl"):
        time.sleep(seconds)
    requests = read(folder / "split.jsonl").requests
    return {
        protocol: 100 * statistics.mean(request.version == 2 for request in asked)
        for protocol in ("http", "grpc")
        for asked in [[each for each in requests if each.protocol == protocol][:SPLIT_REQUESTS]]
    }


def _alternating(times: int) -> Iterator[int]:
    """Up and down again."""
    for number in range(times):
        yield 0 if number % 2 else 50


def _by(version: int, since: float) -> Callable[[Request], bool]:
    return lambda request: request.version == version and request.due >= since


def _told(file: Path, changes: int, first: Sequence[float]) -> Flips:
    requests = read(file).requests
    return Flips(
        changes=changes,
        requests=len(requests),
        lost=sum(request.outcome == "lost" for request in requests),
        first_seconds=first,
    )
