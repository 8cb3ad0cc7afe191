"""A closed loop of clients against one model: everybody sends the next request after an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np
from tritonclient import grpc
from tritonclient.utils import np_to_triton_dtype

from serving.inference import Tensors, total
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
            f"{self.rate:5.0f} requests/s, {self.batch:4.1f} in a batch, "
            f"p50 {p50:4.0f} ms, p99 {p99:4.0f} ms"
        )


def closed_loop(
    server: Server, model: str, inputs: Tensors, *, clients: int, requests: int
) -> Outcome:
    """Each client sends so many requests of one sample; the first time, all of them together."""
    tensors = [
        grpc.InferInput(name, values.shape, np_to_triton_dtype(values.dtype))
        for name, values in inputs.items()
    ]
    for tensor, values in zip(tensors, inputs.values(), strict=True):
        tensor.set_data_from_numpy(values)
    together = threading.Barrier(clients)
    with grpc.InferenceServerClient(f"{ADDRESS}:{server.grpc_port}") as client:
        client.infer(model, tensors)  # opens the connection
        inferred, executed = _counts(server, model)

        def work(_: int) -> list[float]:
            together.wait()
            return [_timed(lambda: client.infer(model, tensors)) for _ in range(requests)]

        begun = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            latencies = tuple(chain.from_iterable(pool.map(work, range(clients))))
        seconds = time.perf_counter() - begun
    now_inferred, now_executed = _counts(server, model)
    batch = (now_inferred - inferred) / (now_executed - executed)
    return Outcome(seconds=seconds, latencies=latencies, batch=batch)


def _counts(server: Server, model: str) -> tuple[float, float]:
    samples = server.metrics()
    return (
        total(samples, "nv_inference_count", model=model),
        total(samples, "nv_inference_exec_count", model=model),
    )


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
