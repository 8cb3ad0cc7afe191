"""The requests that a version gets now, before anything is compared with it."""

from __future__ import annotations

import time
from typing import Final

from serving.contract.model import ModelContract
from serving.promotion.forecast import Traffic
from serving.promotion.measurement import Window
from serving.promotion.metrics import LAG_SECONDS, LONGEST, Metrics
from serving.promotion.tally import Subject, Tally

INTERVALS: Final = LONGEST - 1
"""Of scrapes: as far back as one window may reach."""


def recent(metrics: Metrics, contract: ModelContract, version: int, interval: float) -> Window:
    """The last few scrapes of a version that takes all requests."""
    subject = Subject(contract=contract, canary=version, stable=None)
    since = time.time() - LAG_SECONDS - INTERVALS * interval
    window, _ = metrics.observe(subject, 100, Tally(until=since, weight=100))
    return window


def traffic_in(window: Window) -> Traffic:
    counts = window.canary.counts
    if not counts.requests or not window.seconds:
        return Traffic(rps=0.0)
    return Traffic(
        rps=counts.requests / window.seconds,
        errors=counts.errors / counts.requests,
        slower=tuple(slower / counts.requests for slower in counts.slower),
    )
