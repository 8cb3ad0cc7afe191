"""Gates over the servers: time in the queue, requests pending, GPU memory, a GPU that is full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from math import erfc, sqrt
from statistics import median

from serving.promotion.evidence import (
    SHARPNESS,
    Logs,
    log_value,
    mean_factors,
    pair_factors,
    rank_factors,
    restarted,
)
from serving.promotion.gate import Finding, Memory, Tick
from serving.promotion.measurement import Arm, Counts, Window
from serving.promotion.share_gate import FEWEST_PODS, begins

SLOWER_QUEUE = 1.25
"""Times stable's mean queue time that are still no harm …"""
SLOWER_QUEUE_MS = 1.0
"""… and this much besides, where there are too few pods to rank."""
QUEUE_RANGE = 10.0
"""The absolute test looks at queue times up to this many times the SLO."""
COMPARE_EVERY = 4
"""Windows between comparisons of two means, which follow each other closely."""

RISING_WINDOWS = 4
PENDING_PER_CAPACITY = 2

FULL = 0.95
FULL_WINDOWS = 3
LEAK_HORIZON_SECONDS = 4 * 3600
LEAK_POINTS = 32
LEAK_DOUBT = 0.01
HARDWARE_XIDS = frozenset((48, 63, 64, 74, 79, 92, 94, 95, 119, 120))
"""Faults of the GPU or its links, not of what runs on it (NVIDIA's Xid catalogue)."""

SATURATED = 0.98


def queue_compared(memory: Memory, window: Window, tick: Tick, *, betting: bool) -> Memory:
    """One window more of "the canary's requests queue longer than stable's"."""
    stable = window.compared or Arm()
    betting = betting and tick.settled
    ranked = "rank" in memory.evidence
    if tick.index == 1:
        ranked = begins(tick, window.stable or Arm())
    name, factors = "pairs", pair_factors(0, 0)
    if ranked:
        name, factors = "rank", (0.0,) * len(SHARPNESS)
        if betting:
            factors = queue_ranks(window.canary.pods, stable.pods)
    elif betting and tick.index % COMPARE_EVERY == 0:
        own, other = window.canary.counts.queue_ms, stable.counts.queue_ms
        if own is not None and other is not None:
            factors = pair_factors(int(own > SLOWER_QUEUE * other + SLOWER_QUEUE_MS), 1)
    logs = restarted(memory.evidence.get(name, ()), tick.index, factors)
    return replace(memory, evidence={**memory.evidence, name: logs})


def queue_ranks(canary: Mapping[str, Counts], stable: Mapping[str, Counts]) -> Logs:
    own = [q / SLOWER_QUEUE for q in queue_us(canary)]
    others = queue_us(stable)
    if not own or len(others) < FEWEST_PODS:
        return (0.0,) * len(SHARPNESS)
    return rank_factors(own, others)


def queue_us(pods: Mapping[str, Counts]) -> list[float]:
    return [counts.queue_us / counts.served for counts in pods.values() if counts.served]


def queues_longer(memory: Memory, tick: Tick) -> float:
    return log_value(memory.evidence.get("rank") or memory.evidence.get("pairs", ()), tick.index)


@dataclass(frozen=True, kw_only=True)
class QueueGate:
    slo_ms: float
    name: str = "queue"
    null: str = "requests queue no longer than on stable, or within the SLO on average"
    source: str = "Triton's queue duration and success counters by pod"
    budget: float = 0.1

    def update(self, memory: Memory, window: Window, tick: Tick) -> Memory:
        memory = queue_compared(memory, window, tick, betting=True)
        queue_ms = window.canary.counts.queue_ms
        part = None
        if queue_ms is not None and tick.settled:
            part = min(queue_ms / (QUEUE_RANGE * self.slo_ms), 1.0)
        logs = restarted(
            memory.evidence.get("limit", ()), tick.index, mean_factors(part, 1 / QUEUE_RANGE)
        )
        compared = (float(window.compared is not None),)
        return replace(
            memory,
            evidence={**memory.evidence, "limit": logs},
            series={"compared": compared},
        )

    def finding(self, memory: Memory, tick: Tick, margin: float, goal: float) -> Finding:
        over = log_value(memory.evidence.get("limit", ()), tick.index)
        alone = memory.series.get("compared") == (0.0,)
        harm = over if alone else min(over, queues_longer(memory, tick))
        return Finding(gate=self.name, harm=harm)


@dataclass(frozen=True, kw_only=True)
class PendingGate:
    name: str = "pending"
    null: str = "the canary's backlog does not keep growing beyond what it can run at once"
    source: str = "Triton's pending request gauge"
    budget: float = 0.0

    def update(self, memory: Memory, window: Window, tick: Tick) -> Memory:
        pending, capacity = window.canary.pending, window.canary.capacity
        if pending is None or not capacity:
            return replace(memory, series={})
        seen = (*memory.series.get("pending", ()), float(pending))
        if window.weight != memory.series.get("weight", (window.weight,))[0]:
            seen = (float(pending),)
        return replace(
            memory,
            series={
                "pending": seen[-RISING_WINDOWS - 1 :],
                "capacity": (float(capacity),),
                "weight": (float(window.weight),),
            },
        )

    def finding(self, memory: Memory, tick: Tick, margin: float, goal: float) -> Finding:
        pending = memory.series.get("pending", ())
        rising = len(pending) > RISING_WINDOWS and all(
            later > earlier for earlier, later in pairwise(pending)
        )
        if not rising or pending[-1] < PENDING_PER_CAPACITY * memory.series["capacity"][0]:
            return Finding(gate=self.name)
        return Finding(
            gate=self.name,
            step_back=f"{pending[-1]:.0f} requests pending and rising for {RISING_WINDOWS} windows,"
            f" with room for {memory.series['capacity'][0]:.0f}",
        )


@dataclass(frozen=True, kw_only=True)
class GpuMemoryGate:
    name: str = "gpu-memory"
    null: str = "the canary's memory stays below the limit and does not grow towards it"
    source: str = "GPU memory by pod, container restarts and the driver's Xid messages"
    budget: float = 0.0

    def update(self, memory: Memory, window: Window, tick: Tick) -> Memory:
        canary = window.canary
        hardware = [xid for xid in canary.xids if xid in HARDWARE_XIDS]
        series: dict[str, tuple[float, ...]] = {
            "events": (
                float(canary.restarts),
                float(canary.out_of_memory),
                float(len(canary.xids) - len(hardware)),
                float(len(hardware)),
            )
        }
        others = {gpu.uuid for gpu in window.stable.gpus} if window.stable else set()
        shared = any(gpu.shared or gpu.uuid in others for gpu in canary.gpus)
        if canary.gpus and not shared:
            used = max(gpu.used_bytes / gpu.total_bytes for gpu in canary.gpus)
            full = memory.series.get("full", (0.0,))[0] + 1 if used > FULL else 0.0
            series["full"] = (full,)
            if tick.settled:
                series |= kept_points(memory.series, window.started, used)
        series["shared"] = (float(shared),)
        return replace(memory, series={**memory.series, **series})

    def finding(self, memory: Memory, tick: Tick, margin: float, goal: float) -> Finding:
        restarts, out_of_memory, faults, hardware = memory.series.get("events", (0.0,) * 4)
        full = memory.series.get("full", (0.0,))[0]
        guard = ask = ""
        if out_of_memory:
            guard = "the canary ran out of memory"
        elif restarts:
            guard = "a container of the canary restarted"
        elif faults:
            guard = "the GPU driver reports a fault of the canary (Xid)"
        elif full >= FULL_WINDOWS:
            guard = f"GPU memory above {FULL:.0%} in {full:.0f} windows running"
        elif leaks(memory.series.get("at", ()), memory.series.get("used", ())):
            ask = f"GPU memory grows towards {FULL:.0%} within {LEAK_HORIZON_SECONDS // 3600} hours"
        note = "GPU shared with other servers: memory cannot be told apart"
        return Finding(
            gate=self.name,
            guard=guard,
            ask=ask,
            block="a GPU is faulty, which is not the model's doing" if hardware else "",
            note=note if memory.series.get("shared") == (1.0,) else "",
        )


def kept_points(
    series: Mapping[str, tuple[float, ...]], at: float, used: float
) -> dict[str, tuple[float, ...]]:
    """A bounded sample of the whole past: when full, every second point goes."""
    stride, skipped = series.get("stride", (1.0, 0.0))
    if skipped + 1 < stride:
        return {"stride": (stride, skipped + 1)}
    times = (*series.get("at", ()), at)
    values = (*series.get("used", ()), used)
    if len(times) > LEAK_POINTS:
        times, values, stride = times[::2], values[::2], stride * 2
    return {"stride": (stride, 0.0), "at": times, "used": values}


def leaks(at: Sequence[float], used: Sequence[float]) -> bool:
    """Theil–Sen slope reaches the limit within the horizon, and Mann–Kendall doubts chance."""
    count = len(at)
    if count < 8 or at[-1] <= at[0]:
        return False
    pairs = list(combinations(range(count), 2))
    rises = sum((used[j] > used[i]) - (used[j] < used[i]) for i, j in pairs)
    spread = sqrt(count * (count - 1) * (2 * count + 5) / 18)
    if rises <= 0 or erfc((rises - 1) / spread / sqrt(2)) / 2 >= LEAK_DOUBT:
        return False
    slope = median((used[j] - used[i]) / (at[j] - at[i]) for i, j in pairs if at[j] > at[i])
    return used[-1] + slope * LEAK_HORIZON_SECONDS > FULL


@dataclass(frozen=True, kw_only=True)
class SaturationGate:
    """A busy GPU is the aim; only one whose queue grows beyond stable's is in trouble."""

    name: str = "saturation"
    null: str = "while its GPU is full the canary's requests queue no longer than stable's"
    source: str = "GPU utilization by pod, with Triton's queue counters"
    budget: float = 0.05

    def update(self, memory: Memory, window: Window, tick: Tick) -> Memory:
        was_full = memory.series.get("utilization", (0.0,))[0] > SATURATED
        memory = queue_compared(memory, window, tick, betting=was_full)
        busiest = max((gpu.utilization for gpu in window.canary.gpus), default=0.0)
        return replace(memory, series={"utilization": (busiest,)})

    def finding(self, memory: Memory, tick: Tick, margin: float, goal: float) -> Finding:
        utilization = memory.series.get("utilization", (0.0,))[0]
        full = f"its GPU is {utilization:.0%} busy" if utilization > SATURATED else ""
        return Finding(gate=self.name, harm=queues_longer(memory, tick), block=full)
