"""The edges of latency histograms, and how Prometheus may spell them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from serving.contract.model import ModelContract


def histogram_edges(contracts: Iterable[ModelContract]) -> tuple[float, ...]:
    """In milliseconds: every edge of every model, as one gateway counts for all of them."""
    edges = {edge for c in contracts for edge in c.observability.latency_edges_ms}
    return tuple(sorted(edges))


def le_pattern(edge: float) -> str:
    """Matches the label `le` of an edge.

    Envoy writes 32 digits (`250`, but `2.1000000000000000888178419700125`); Prometheus 3 rewrites
    them as Go does (`250.0`, `2.1`, `1.8e+06`).
    """
    exact = Decimal(repr(edge)).normalize()
    spellings = {f"{edge:.32g}", f"{exact:f}", f"{exact:f}.0" if edge.is_integer() else ""}
    if edge >= 1e6:
        digits, _, exponent = f"{exact:e}".partition("e+")
        spellings.add(f"{digits}e+{int(exponent):02d}")
    return "|".join(re.escape(spelling) for spelling in sorted(spellings - {""}))
