"""What is asked of Prometheus for the charts: one query for each measure, over all arms at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from serving.observability.dialect import Series
from serving.promotion.gateway import Quantity, envoy

ARM: Final = "arm"
"""The label of what comes back: `<model>-<version>`."""
REQUESTS, ERRORS, P50, P99, QUEUE = "requests", "errors", "p50", "p99", "queue"
_PLACEHOLDER: Final = 0
"""No version has this number; what is said of it is said of any."""
_ARM: Final = "(.+-[0-9]+)"
_OTHER_PART: Final = "(-[a-z]+)?"
_CLUSTER: Final = "envoy_cluster_name"


def questions(window: str) -> Mapping[str, str]:
    """Requests and errors a second, quantiles and mean time in the queue in milliseconds."""
    series = envoy(_PLACEHOLDER)
    buckets = _named(_rate(series.latency, window, "_bucket"), _CLUSTER, _ARM)
    by_edge = f"sum by ({ARM}, le) ({buckets})"
    queue, served = (
        f"sum by ({ARM}) ({_named(f'rate({name}[{window}])', 'pod', f'{_ARM}-[0-9]+')})"
        for name in ("nv_inference_queue_duration_us", "nv_inference_request_success")
    )
    return {
        REQUESTS: _total(series.requests, window),
        ERRORS: f"clamp_min({_total(series.errors, window)}, 0)",
        P50: f"histogram_quantile(0.5, {by_edge})",
        P99: f"histogram_quantile(0.99, {by_edge})",
        QUEUE: f"{queue} / ({served} > 0) / 1000",
    }


def _total(quantity: Quantity, window: str) -> str:
    """The terms are told apart by a label of their own, or `or` would drop all but one of them."""
    terms = []
    for at, term in enumerate(quantity):
        rate = _rate(term.series, window)
        signed = rate if term.sign > 0 else f"-1 * {rate}"
        named = _named(signed, _CLUSTER, _ARM + _OTHER_PART)
        terms.append(f'label_replace({named}, "term", "{at}", "", "")')
    return f"sum by ({ARM}) ({' or '.join(terms)})"


def _rate(series: Series, window: str, suffix: str = "") -> str:
    matchers = ",".join(
        f"{label}=~{json.dumps(_of_any(pattern))}" for label, pattern in series.labels.items()
    )
    return f"rate({series.name}{suffix}{{{matchers}}}[{window}])"


def _of_any(pattern: str) -> str:
    return pattern.replace(f"{{model}}-{_PLACEHOLDER}", ".+-[0-9]+")


def _named(expression: str, label: str, pattern: str) -> str:
    return f'label_replace({expression}, "{ARM}", "$1", "{label}", "{pattern}")'
