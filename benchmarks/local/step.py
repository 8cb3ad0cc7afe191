"""One step of a promotion against an empty `up` of the same engine."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from unittest.mock import patch

from benchmarks.local.ground import MODEL, Bench
from components.local.process import Probe, ProcessArgs
from serving.promotion.envoy_route import EnvoyRoute
from serving.promotion.route import shares_of
from serving.settings import Release
from serving.stacks.local import triton
from serving.stacks.local.place import Place
from serving.stacks.local.status import addresses

RUNS: Final = 5
PATIENCE_SECONDS: Final = 60.0
DOUBLE: Final = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    do_POST = do_GET
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@dataclass(frozen=True, kw_only=True)
class Step:
    models: int
    step_seconds: Sequence[float]
    empty_seconds: Sequence[float]

    @property
    def ratio(self) -> float:
        return statistics.median(self.step_seconds) / statistics.median(self.empty_seconds)


def measured(bench: Bench, models: int) -> Step:
    """In turn; a step is configuration, engine and read-back."""
    stack = bench.stack
    route = EnvoyRoute(addresses(bench.place).gateway_admin, bench.place.envoy / "routes.json")
    steps, empty = [], []

    def shift(weight: int) -> None:
        release = Release(stable=1, canary=2, weight=weight)
        stack.apply({MODEL: release}, PATIENCE_SECONDS)
        while route.shares(MODEL) != shares_of(release):
            time.sleep(0.05)

    shift(0)
    for run in range(RUNS):
        empty.append(_seconds(lambda: stack.apply({}, PATIENCE_SECONDS)))
        steps.append(_seconds(lambda weight=10 + run: shift(weight)))  # type: ignore[misc]  # one each
    return Step(models=models, step_seconds=steps, empty_seconds=empty)


def with_doubles(bench: Bench, models: int) -> Step:
    """Programs that say they are well in place of Triton: this many would not fit the machine."""
    own = [MODEL, *(f"{MODEL}-{number}" for number in range(2, models + 1))]
    for name in own:
        bench.contract(name)
        bench.publish(name, {version: bench.examples / MODEL / f"{version}" for version in (1, 2)})
    bench.configure(releases={name: {"stable": 1} for name in own})
    with patch.object(triton, "_process", _double(triton._process)):
        bench.up()
        return measured(bench, models)


def _double(real: Callable[..., ProcessArgs]) -> Callable[..., ProcessArgs]:
    def process(replica: triton.Replica, place: Place, **options: bool) -> ProcessArgs:
        port, url = replica.server.http_port, f"{replica.server.url}/"
        return replace(
            real(replica, place, **options),
            command=[sys.executable, "-I", "-S", "-c", DOUBLE, str(port)],
            ready=[Probe(url=url)],
            alive=Probe(url=url),
            linked={},
        )

    return process


def _seconds(do: Callable[[], None]) -> float:
    begun = time.monotonic()
    do()
    return time.monotonic() - begun


def row(step: Step) -> Mapping[str, float]:
    return {
        "models": step.models,
        "step_seconds": statistics.median(step.step_seconds),
        "empty_seconds": statistics.median(step.empty_seconds),
        "ratio": step.ratio,
    }
