"""When each request is due: fixed before the first is sent, whatever becomes of any."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple


class Arrival(NamedTuple):
    due: float
    """Seconds after the load began."""
    stream: int
    number: int
    """Within its stream, from 0."""


def schedule(rates: Sequence[float]) -> Iterator[Arrival]:
    """One stream per rate, in requests per second; without end, in the order of time."""
    streams = (_stream(index, rate, index / len(rates)) for index, rate in enumerate(rates))
    return heapq.merge(*streams)


def _stream(index: int, rate: float, phase: float) -> Iterator[Arrival]:
    """By multiplication, so that nothing adds up; phases keep streams of one rate apart."""
    return (Arrival((number + phase) / rate, index, number) for number in count())
