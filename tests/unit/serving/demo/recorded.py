"""The facts of a demo as one run may leave them."""

from __future__ import annotations

from collections.abc import Iterator

from serving.demo.facts import Facts, Point, Promotion, Total
from serving.demo.scenario import SCENARIO, Act

RATE = 100.0
BIN = 2.0
WIDTH = 30.0
"""Seconds from the start of one promotion to that of the next."""


def promotion(number: int, act: Act, **changed: object) -> Promotion:
    began = 5.0 + WIDTH * number
    promoted = act.expected == "promoted"
    exposed = act.version not in (5, 6)
    weights = [(began, 0)]
    weights += [(began + 5, 10)] if exposed else []
    weights += [(began + 12, 50), (began + 20, 100)] if promoted else [(began + 18, 0)]
    values = {
        "model": "digits",
        "version": act.version,
        "stable": 1 if number < 2 else 2,
        "about": act.about,
        "disturbance": act.disturbance,
        "expected": act.expected,
        "catches": sorted(act.catches),
        "outcome": act.expected,
        "gate": min(act.catches, default=""),
        "reason": "all requests reach it" if promoted else "worse than stable",
        "began": began,
        "ended": began + 22,
        "weights": weights,
        "events": [(began + 8, act.disturbance)] if act.disturbance else [],
        "exposed": 130 if exposed else 0,
        "lost_to_kill": 2 if act.disturbance == "server killed" else 0,
    }
    return Promotion(**(values | changed))  # type: ignore[arg-type]


def points(promotions: list[Promotion], seconds: float) -> Iterator[Point]:
    for number in range(int(seconds / BIN)):
        at, stable, share, canary = number * BIN, 1, 0.0, None
        for each in promotions:
            if each.outcome == "promoted" and at >= each.ended:
                stable = each.version
            for changed, weight in each.weights:
                if each.began <= at < each.ended and at >= changed:
                    share, canary = weight / 100, each.version
        requests = RATE * BIN
        if canary is not None and share:
            yield _point(at, canary, round(requests * share))
        if share < 1:
            yield _point(at, stable, round(requests * (1 - share)))


def _point(at: float, version: int, requests: int) -> Point:
    slow = 300.0 if version == 3 else 0.0
    return Point(
        at=at,
        model="digits",
        version=version,
        requests=requests,
        errors=requests // 10 if version == 4 else 0,
        wrong=requests // 36 if version == 1 else requests // 150,
        lost=0,
        refused=0,
        p50_ms=4.0 + slow + at % 3,
        p99_ms=12.0 + slow + at % 7,
    )


def facts(**changed: object) -> Facts:
    promotions = [promotion(number, act) for number, act in enumerate(SCENARIO)]
    seconds = promotions[-1].ended + 8
    found = list(points(promotions, seconds))
    values = {
        "began": 1_800_000_000.0,
        "seconds": seconds,
        "whole_seconds": seconds + 45,
        "setup": {"train": 4.2, "publish": 3.1, "stack up": 14.0, "first release": 21.0},
        "rates": {"digits": RATE, "tickets": 20.0},
        "slo_p99_ms": 100.0,
        "waiver": "the demo has no history to calibrate on",
        "promotions": promotions,
        "totals": [*totals(found), NOBODY, TICKETS],
        "bin_seconds": BIN,
        "points": found,
        "lost_because": {"no healthy upstream": 2},
        "late_p99_ms": 1.4,
        "machine": {"processors": "2", "Triton": "2.51.0"},
    }
    return Facts(**(values | changed))  # type: ignore[arg-type]


def totals(found: list[Point]) -> list[Total]:
    result = []
    for version in sorted({each.version for each in found if each.version is not None}):
        own = [each for each in found if each.version == version]
        requests = sum(each.requests for each in own)
        result.append(
            Total(
                model="digits",
                version=version,
                requests=requests,
                errors=sum(each.errors for each in own),
                wrong=sum(each.wrong for each in own),
                lost=0,
                refused=0,
                http=requests // 2,
                grpc=requests - requests // 2,
                p50_ms=4.4,
                p99_ms=15.0,
            )
        )
    return result


NOBODY = Total(
    model="digits", version=None, requests=2, errors=0, wrong=0, lost=2, refused=0, http=1, grpc=1,
    p50_ms=None, p99_ms=None,
)  # fmt: skip
TICKETS = Total(
    model="tickets", version=1, requests=3800, errors=0, wrong=110, lost=0, refused=0, http=1900,
    grpc=1900, p50_ms=8.0, p99_ms=21.0,
)  # fmt: skip
