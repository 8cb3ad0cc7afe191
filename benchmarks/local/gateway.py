"""What the gateway costs: tokens, limits and weights, against Triton asked directly."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.local.driving import cpu_seconds, loaded
from benchmarks.local.ground import MODEL, Bench
from serving.load import Load
from serving.stacks.local.status import addresses, processes

DELAY_MS: Final = 10
INSTANCES: Final = 4
WARM_UP_SECONDS: Final = 3.0
RUNS: Final = 3
SECONDS: Final = 15.0
RATES: Final = tuple(float(rate) for rate in range(200, 481, 20))
"""Tried one after the other: what is answered in time, at the rate it was asked, is held."""
HELD_P99_MS: Final = 100.0


@dataclass(frozen=True, kw_only=True)
class Cost:
    most: Mapping[str, float]
    """Requests per second that each way holds."""
    half_rate: float
    p50_ms: Mapping[str, float]
    """At half of what the direct way holds; the median of the runs."""
    gateway_cpu_ms: float
    """Of the gateway's processor time for each request."""

    @property
    def added_p50_ms(self) -> float:
        return self.p50_ms["gateway"] - self.p50_ms["direct"]

    @property
    def throughput(self) -> float:
        return self.most["gateway"] / self.most["direct"]


def measured(bench: Bench, folder: Path) -> Cost:
    """Both ways over HTTP, in turn, with the same client and the same model."""
    found = {each.name: each for each in processes(bench.place)}
    ways = {
        "direct": f"127.0.0.1:{found[f'{MODEL}-1-1'].ports['http']}",
        "gateway": addresses(bench.place).gateway,
    }
    most = {way: _most(bench, address, folder, way) for way, address in ways.items()}
    half = most["direct"] / 2
    p50: dict[str, list[float]] = {way: [] for way in ways}
    cpu: list[float] = []
    for run in range(RUNS):
        for way, address in ways.items():
            before = cpu_seconds(found["gateway"].pid)
            load = loaded(bench, address, half, SECONDS, folder / f"half-{way}-{run}.jsonl")
            used = cpu_seconds(found["gateway"].pid) - before
            p50[way].append(_quantile(load, 0.5))
            if way == "gateway":
                cpu.append(1000 * used / len(load.requests))
    return Cost(
        most=most,
        half_rate=half,
        p50_ms={way: statistics.median(values) for way, values in p50.items()},
        gateway_cpu_ms=statistics.median(cpu),
    )


def _most(bench: Bench, address: str, folder: Path, way: str) -> float:
    held = 0.0
    for rate in RATES:
        load = loaded(bench, address, rate, SECONDS / 2, folder / f"most-{way}-{rate:g}.jsonl")
        answered = [request for request in load.requests if request.answer is not None]
        if len(answered) < len(load.requests) or _quantile(load, 0.99) > HELD_P99_MS:
            break
        held = rate
    return held


def _quantile(load: Load, share: float) -> float:
    times: Sequence[float] = [
        request.ms for request in load.requests if request.due > WARM_UP_SECONDS
    ]
    return float(np.quantile(times, share))
