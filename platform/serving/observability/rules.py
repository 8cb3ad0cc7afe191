"""Recording rules: what callers met in a window, under names that both gateways share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from serving.contract.model import ModelContract
from serving.observability.dialect import Dialect, Series
from serving.observability.edges import le_pattern
from serving.observability.versions import version_rules

REQUESTS: Final = "serving:requests:increase"
FAILED: Final = "serving:requests_failed:increase"
SLOW: Final = "serving:requests_slow:increase"
"""Answered later than the p99 of the SLO."""

WINDOWS: Final = ("5m", "30m", "1h", "6h")


def recording_rules(contract: ModelContract, dialect: Dialect) -> list[dict[str, Any]]:
    return [
        {
            "record": name,
            "expr": expression,
            "labels": {"model": contract.name, "tenant": contract.tenant},
        }
        for rules in (_model_rules(contract, dialect), version_rules(contract, dialect))
        for name, expression in rules
    ]


def _model_rules(contract: ModelContract, dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Counts in a window, never ratios: no traffic is 0 and not NaN."""
    for window in WINDOWS:
        yield f"{REQUESTS}{window}", _count(contract, dialect.requests, window)
        yield f"{FAILED}{window}", _count(contract, dialect.errors, window)
        yield f"{SLOW}{window}", _slow(contract, dialect.latency, window)


def _count(contract: ModelContract, series: Iterable[Series], window: str) -> str:
    counts = (f"sum(increase({one.of(contract)}[{window}])) or vector(0)" for one in series)
    return " + ".join(f"({count})" for count in counts)


def _slow(contract: ModelContract, latency: Series, window: str) -> str:
    """Missing, not 0, where the histogram lacks the edge."""
    fast = latency.of(contract, "_bucket", le=le_pattern(contract.slo.p99_ms))
    return (
        f"sum(increase({latency.of(contract, '_count')}[{window}]))"
        f" - sum(increase({fast}[{window}]))"
    )
