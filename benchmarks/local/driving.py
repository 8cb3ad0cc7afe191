"""Loads against a stack or straight against a server, and what they cost whom."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.local.ground import MODEL, TENANT, Bench
from serving.demo.sending import sending
from serving.load import Load, Reading, Request, read
from serving.stacks.local.issuer import Issuer

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_TOKEN_SECONDS: Final = 3600


def cpu_seconds(pid: int) -> float:
    """Of one process, all its threads together, since it started."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def load(
    bench: Bench, address: str, rate: float, to: Path, *, grpc_share: float = 0.5
) -> Iterator[Reading]:
    token = Issuer(bench.place.keys).issue(TENANT, "benchmark", _TOKEN_SECONDS)
    rates, tokens = {MODEL: rate}, {MODEL: token}
    with sending(address, rates, tokens, bench.examples, to, grpc_share=grpc_share) as reading:
        yield reading


def loaded(bench: Bench, address: str, rate: float, seconds: float, to: Path) -> Load:
    """Over HTTP alone: a server asked directly has another port for gRPC."""
    with load(bench, address, rate, to, grpc_share=0.0):
        time.sleep(seconds)
    return read(to)


@dataclass
class Watch:
    """The requests of a running load, as they end."""

    reading: Reading
    seen: list[Request] = field(default_factory=list)

    def now(self) -> float:
        """Seconds after the load began."""
        if self.reading.began is None:
            raise TypeError("the load has not begun")
        return time.time() - self.reading.began

    def until(self, wanted: Callable[[Request], bool], seconds: float) -> Request | None:
        """The first request, by the time it was due, that is wanted."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            new = self.reading.more()
            self.seen += new
            if found := [request for request in new if wanted(request)]:
                return min(found, key=lambda request: request.due)
            time.sleep(0.1)
        return None

    def drained(self) -> list[Request]:
        self.seen += self.reading.more()
        return self.seen
