"""How many requests Triton answers each second with dynamic batches, and without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.local.ground import MODEL, Bench
from benchmarks.serving.load import Outcome, closed_loop
from examples import digits
from serving.stacks.local.status import processes
from serving.triton import Server

CLIENTS: Final = 64
REQUESTS: Final = 20
"""Of each client, the next after each answer."""
DELAY_MS: Final = 10
"""Of each execution, whatever the size of its batch."""


def measured(bench: Bench) -> Mapping[str, Outcome]:
    source = bench.slowed(DELAY_MS)
    bench.publish(MODEL, {1: source})
    batched = _served(bench, 1)
    bench.one_by_one(instances=1)
    bench.publish(MODEL, {2: source})
    return {"batched": batched, "one by one": _served(bench, 2)}


def _served(bench: Bench, version: int) -> Outcome:
    bench.configure(releases={MODEL: {"stable": version}})
    bench.up()
    name = f"{MODEL}-{version}-1"
    (process,) = (each for each in processes(bench.place) if each.name == name)
    server = Server(
        http_port=process.ports["http"],
        grpc_port=process.ports["grpc"],
        metrics_port=process.ports["metrics"],
        log=Path(process.log),
    )
    image = {"image": digits.data()[1]["image"][:1]}
    return closed_loop(server, MODEL, image, clients=CLIENTS, requests=REQUESTS)
