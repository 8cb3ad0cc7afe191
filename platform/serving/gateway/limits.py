"""Where the gateway stops: how long it waits, how much it takes, how often."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from serving.contract.model import ModelContract
from serving.contract.runtime import TritonModel, TritonRuntime

SHORTEST_TRY_SECONDS: Final = 2.0
TRY_OF_P99: Final = 4.0
SPARE_SECONDS: Final = 1.0
"""For connecting and for the pause between two tries."""

SMALLEST_BODY: Final = 1 << 20
LARGEST_BODY: Final = 16 << 20
BYTES_OF_VALUE: Final = 64
"""One number as JSON, however generously it is indented."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    one_try: float
    """Seconds until the gateway turns to another server."""
    whole: float
    """Seconds until the caller has an answer, whatever it is; both tries fit into them."""


def timeouts(contract: ModelContract) -> Timeouts:
    """From the p99 that the contract promises.

    Four times the p99 (and never below 2 s, as machines pause) is no latency that anybody gates:
    who is slower hangs. Streams have neither limit.
    """
    one_try = max(SHORTEST_TRY_SECONDS, TRY_OF_P99 * contract.slo.p99_ms / 1000)
    return Timeouts(one_try=one_try, whole=2 * one_try + SPARE_SECONDS)


def body_limit(contract: ModelContract) -> int:
    """Bytes of a request: what the largest batch takes as JSON, where the shapes tell."""
    runtime = contract.runtime
    if not isinstance(runtime, TritonRuntime):
        return LARGEST_BODY
    largest = max(map(_largest_request, runtime.models.values()))
    return int(min(max(largest, SMALLEST_BODY), LARGEST_BODY))


def token_bucket(per_second: float) -> dict[str, Any]:
    """So many requests a second on average, and those of one second at once."""
    rate = Fraction(per_second).limit_denominator(60)
    if not rate:
        rate = Fraction(1, math.ceil(1 / per_second))
    return {
        "max_tokens": max(1, math.ceil(per_second)),
        "tokens_per_fill": rate.numerator,
        "fill_interval": f"{rate.denominator}s",
    }


def _largest_request(model: TritonModel) -> float:
    values = sum(_values(tensor.type, tensor.shape) for tensor in model.inputs.values())
    return max(model.max_batch_size, 1) * values * BYTES_OF_VALUE


def _values(kind: str, shape: Iterable[int]) -> float:
    sizes = tuple(shape)
    return math.inf if kind == "BYTES" or -1 in sizes else math.prod(sizes)
