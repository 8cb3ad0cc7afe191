"""A closed loop of clients against one model: everybody sends the next request after an answer."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np
from tritonclient import grpc

from serving.inference import Sample, total
from serving.triton import ADDRESS, Server


@dataclass(frozen=True, kw_only=True)
class Outcome:
    seconds: float
    latencies: tuple[float, ...]
    batch: float
    """Requests per execution, as the server counts them."""

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        return float(np.quantile(self.latencies, share))

    def __str__(self) -> str:
        p50, p99 = self.quantile(0.5) * 1000, self.quantile(0.99) * 1000
        return (
            f"{self.rate:.0f} requests/s, {self.batch:.1f} a batch, p50 {p50:.0f} ms, "
            f"p99 {p99:.0f} ms"
        )


def closed_loop(server: Server, *, clients: int, requests: int, model: str = "toy") -> Outcome:
    before = server.metrics()
    tensor = grpc.InferInput("x", [1, 1], "FP32")
    tensor.set_data_from_numpy(np.zeros((1, 1), dtype=np.float32))
    together = threading.Barrier(clients)
    with grpc.InferenceServerClient(f"{ADDRESS}:{server.grpc_port}") as client:

        def work(_: int) -> list[float]:
            together.wait()
            return [_timed(lambda: client.infer(model, [tensor])) for _ in range(requests)]

        begun = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            latencies = tuple(chain.from_iterable(pool.map(work, range(clients))))
        seconds = time.perf_counter() - begun
    batch = batch_size(before, server.metrics(), model)
    return Outcome(seconds=seconds, latencies=latencies, batch=batch)


def show(figures: str) -> None:
    """Seen with `pytest -s`."""
    sys.stdout.write(f"\n{figures}\n")


def batch_size(before: list[Sample], after: list[Sample], model: str) -> float:
    """What was inferred per execution between two readings."""
    inferred, executed = (
        total(after, name, model=model) - total(before, name, model=model)
        for name in ("nv_inference_count", "nv_inference_exec_count")
    )
    return inferred / executed


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
