"""What an arm of a promotion did of late, as a person is shown it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serving.promotion.course import Course
from serving.promotion.measurement import Arm, Counts, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownArm:
    """One arm, of late."""

    version: int
    requests: int
    """In the whole promotion."""
    rate: float | None
    """A second; like the rest None where there is nothing to go by."""
    errors: float | None
    """Share of requests."""
    p50_ms: float | None
    """No more than this: an edge of the histogram."""
    p99_ms: float | None
    slow_p50: float | None
    """Share of requests slower than the SLO's p50 …"""
    slow_p99: float | None
    """… and than its p99."""
    queue_ms: float | None


def shown_arms(
    course: Course, windows: Sequence[Window], requests: tuple[int, int]
) -> tuple[ShownArm, ...]:
    """Stable first. `windows`: of late; `requests`: of stable and canary so far."""
    started = course.started
    canary = _shown(course, windows, started.version, requests[1], lambda window: window.canary)
    if started.stable is None:
        return (canary,)
    stable = _shown(course, windows, started.stable, requests[0], lambda window: window.stable)
    return (stable, canary)


def _shown(
    course: Course,
    windows: Sequence[Window],
    version: int,
    requests: int,
    arm: Callable[[Window], Arm | None],
) -> ShownArm:
    slo = course.started.contract.slo
    edges = course.started.contract.observability.latency_edges_ms
    arms = [found for window in windows if (found := arm(window)) is not None]
    counts = _sum([each.counts for each in arms])
    seconds = sum(window.seconds for window in windows)
    measured = zip(edges, counts.slower, strict=False) if counts.requests else ()
    slower = {edge: late / counts.requests for edge, late in measured}
    return ShownArm(
        version=version,
        requests=requests,
        rate=counts.requests / seconds if seconds else None,
        errors=counts.errors / counts.requests if counts.requests else None,
        p50_ms=next((edge for edge, share in slower.items() if share <= 0.5), None),
        p99_ms=next((edge for edge, share in slower.items() if share <= 0.01), None),
        slow_p50=slower.get(slo.p50_ms),
        slow_p99=slower.get(slo.p99_ms),
        queue_ms=counts.queue_ms,
    )


def _sum(counts: Sequence[Counts]) -> Counts:
    return Counts(
        requests=sum(each.requests for each in counts),
        errors=sum(each.errors for each in counts),
        slower=tuple(map(sum, zip(*(each.slower for each in counts if each.slower), strict=True))),
        queue_us=sum(each.queue_us for each in counts),
        served=sum(each.served for each in counts),
    )
