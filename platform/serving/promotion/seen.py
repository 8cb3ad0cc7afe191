"""What a gate saw in a window, as counts, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp
from typing import Final

from serving.promotion.gate import Finding, Gate, Memory
from serving.promotion.measurement import Arm, Counts, Window
from serving.promotion.share_gate import ShareGate

_LARGEST: Final = 700.0
"""Logarithm from which a number is written no larger."""


def odds(evidence: float) -> str:
    """A logarithm as people bet: 20 to 1."""
    return f"{exp(min(evidence, _LARGEST)):.3g} to 1"


def seen_by(gate: Gate, memory: Memory, window: Window) -> str:
    if isinstance(gate, ShareGate):
        arms = each_arm(window, lambda arm: _share(arm.counts, gate))
        return (
            f"bad requests: {arms}; of the canary at this weight: {memory.bad} of "
            f"{memory.requests} (dispersion {gate.rules.dispersion_of(gate.name):.3g})"
        )
    return _SEEN[gate.name](window)


def said_by(finding: Finding, goal: float) -> str:
    parts = [f"harm {odds(finding.harm)}"] if finding.harm else []
    if finding.safe is not None:
        more = f", about {finding.needs} more requests" if finding.needs else ""
        parts.append(f"safe {odds(finding.safe)} of the {odds(goal)} asked{more}")
    for what, why in (
        ("rolls back", finding.guard),
        ("steps back", finding.step_back),
        ("asks", finding.ask),
        ("holds", finding.block),
        ("notes", finding.note),
    ):
        parts += [f"{what}: {why}"] if why else []
    return "; ".join(parts) or "nothing to say"


def each_arm(window: Window, what: Callable[[Arm], str]) -> str:
    stable = f", stable {what(window.stable)}" if window.stable else ", no stable version"
    under = " under a load test" if window.loaded else ""
    return f"canary {what(window.canary)}{under}{stable}"


def _share(counts: Counts, gate: ShareGate) -> str:
    return f"{gate.bad(counts)} of {counts.requests}"


def _queue(arm: Arm) -> str:
    mean = arm.counts.queue_ms
    return "no requests" if mean is None else f"{mean:.3g} ms"


def _pending(arm: Arm) -> str:
    if arm.pending is None:
        return "not known"
    return f"{arm.pending}" + (f" (runs {arm.capacity} at once)" if arm.capacity else "")


def _memory(arm: Arm) -> str:
    used = ", ".join(
        f"{gpu.used_bytes / gpu.total_bytes:.0%}" for gpu in arm.gpus if gpu.total_bytes
    )
    events = f"{arm.restarts} restarts, {arm.out_of_memory} times out of memory"
    return f"{used or 'no GPU known'}; {events}, {len(arm.xids)} faults of the driver"


def _busy(arm: Arm) -> str:
    return f"{max(gpu.utilization for gpu in arm.gpus):.0%} busy" if arm.gpus else "no GPU known"


def _golden(window: Window) -> str:
    if (answers := window.answers) is None:
        return "no golden samples were sent"
    example = f" (first: {answers.example})" if answers.example else ""
    return (
        f"of {answers.asked} golden samples canary got {answers.canary_wrong} wrong, stable "
        f"{answers.stable_wrong}; {answers.malformed} malformed{example}"
    )


def _mirror(window: Window) -> str:
    if (answers := window.answers) is None:
        return "no samples were sent"
    return (
        f"{answers.differ} of {answers.asked} samples were answered differently; stable, asked "
        f"twice, differed from itself in {answers.noise}"
    )


_SEEN: Final[Mapping[str, Callable[[Window], str]]] = {
    "slowdown": lambda window: (
        "requests: " + each_arm(window, lambda arm: str(arm.counts.requests))
    ),
    "queue": lambda window: "mean time in the queue: " + each_arm(window, _queue),
    "pending": lambda window: "requests waiting: " + each_arm(window, _pending),
    "gpu-memory": lambda window: "GPU memory: " + each_arm(window, _memory),
    "saturation": lambda window: "busiest GPU: " + each_arm(window, _busy),
    "golden": _golden,
    "mirror": _mirror,
}
