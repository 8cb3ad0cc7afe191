"""Recording rules by version: what people compare, and what tells that servers are too few."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from serving.contract.model import ModelContract
from serving.contract.runtime import TritonRuntime
from serving.observability.dialect import Dialect, Series

WINDOW: Final = "5m"
RATE_WINDOW: Final = "1m"

RATE: Final = "serving:version_requests:rate1m"
"""Requests a second."""
REQUESTS: Final = "serving:version_requests:increase5m"
FAILED: Final = "serving:version_requests_failed:increase5m"
ERRORS: Final = "serving:version_errors:ratio5m"
QUANTILES: Final = {f"serving:version_latency_ms:p{n}_5m": n / 100 for n in (50, 95, 99)}
WAITED: Final = "serving:version_waited_ms:increase5m"
"""In the servers' queues, all requests together."""
EXECUTED: Final = "serving:version_executed:increase5m"
"""By the servers, probes among them."""
QUEUE: Final = "serving:version_queue_ms:mean5m"
PENDING: Final = "serving:version_pending:sum"
"""Requests that wait at this moment."""
PART: Final = "serving:version_part_ms:p99"
"""Of each model in a server, by the label `part`: where neighbours slow each other down."""


def version_rules(contract: ModelContract, dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Records and expressions; without traffic a ratio or quantile is missing, and not NaN."""
    series = dialect.versions
    latency = series.latency.of(contract, "_bucket")
    own = f'{{model="{contract.name}"}}'

    def counted(of: Iterable[Series], function: str, window: str) -> str:
        terms = (f"{function}({one.of(contract)}[{window}])" for one in of)
        return _by_version(contract, series.label, terms)

    yield RATE, counted(series.requests, "rate", RATE_WINDOW)
    yield REQUESTS, counted(series.requests, "increase", WINDOW)
    failed = counted(series.errors, "increase", WINDOW)
    yield FAILED, f"{failed} or on (version) 0 * {REQUESTS}{own}"
    yield ERRORS, f"{FAILED}{own} / ({REQUESTS}{own} > 0)"
    buckets = _by_version(contract, series.label, [f"increase({latency}[{WINDOW}])"], "le")
    for name, quantile in QUANTILES.items():
        yield name, f"histogram_quantile({quantile}, {buckets}) >= 0"
    if isinstance(contract.runtime, TritonRuntime):
        yield from _triton(contract, contract.runtime, dialect, own)


def _triton(
    contract: ModelContract, runtime: TritonRuntime, dialect: Dialect, own: str
) -> Iterator[tuple[str, str]]:
    """A request to an ensemble waits in each of its steps, and is executed once."""

    def exported(name: str, models: Iterable[str], **more: str) -> str:
        labels = {**dialect.versions.pods, "model": "|".join(sorted(models)), **more}
        return Series(name=f"nv_inference_{name}", labels=labels).of(contract)

    waited = exported("queue_duration_us", runtime.models)
    executed = exported("request_success", runtime.reached)
    slowest = exported("request_summary_us", runtime.models, quantile="0.99")
    yield WAITED, f"sum by (version) (increase({waited}[{WINDOW}])) / 1000"
    yield EXECUTED, f"sum by (version) (increase({executed}[{WINDOW}]))"
    yield QUEUE, f"{WAITED}{own} / ({EXECUTED}{own} > 0)"
    yield PENDING, f"sum by (version) ({exported('pending_request_count', runtime.models)})"
    part = f'label_replace({slowest}, "part", "$1", "model", "(.*)")'
    yield PART, f"max by (version, part) ({part}) / 1000 >= 0"


def _by_version(contract: ModelContract, label: str, terms: Iterable[str], *more: str) -> str:
    """The terms are told apart by a label of their own, or `or` would drop all but one of them."""
    pattern = f"{contract.name}-([0-9]+).*"
    named = (
        f'label_replace(label_replace({term}, "version", "$1", "{label}", "{pattern}"), '
        f'"term", "{at}", "", "")'
        for at, term in enumerate(terms)
    )
    return f"sum by ({', '.join(('version', *more))}) ({' or '.join(named)})"
