"""Two models that compute in one server, on one processor: each feels the other, and it is told."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from serving.inference import request_body
from serving.load.tally import quantile
from serving.observability.versions import PART
from serving.stacks.local.status import addresses
from tests.live.observed import SETTLED_SECONDS, Metrics, publish, token
from tests.live.samples import held_out
from tests.live.stacks import ROOT, LocalStack, local_stack

pytestmark = [pytest.mark.live, pytest.mark.full]

BUNDLE: Final = "mailroom"
IMAGE, TEXT = "mailroom-image", "mailroom-text"
COMPUTING: Final = """
_execute = TritonPythonModel.execute

def _computing(self, requests):
    until = time.process_time() + 0.02
    while time.process_time() < until:
        pass
    return _execute(self, requests)

TritonPythonModel.execute = _computing
"""
"""20 ms of a processor for each execution."""
AT_ONCE: Final = 4
"""Executions of each model, kept busy by as many callers."""
SECONDS: Final = 10.0
ROUNDS: Final = 3
MORE: Final = 1.25
"""Times the p99 that a model has alone; without other work it would be 2."""


def contract() -> Mapping[str, Any]:
    document = yaml.safe_load((ROOT / "platform" / "models" / f"{BUNDLE}.yaml").read_text())
    for described in document["runtime"]["models"].values():
        described |= {
            "max_batch_size": 1,
            "batching": {"enabled": False},
            "instances": {"count": AT_ONCE},
        }
    document["resources"]["memory"] = "2Gi"
    return {"runtime": document["runtime"], "resources": document["resources"]}


@dataclass
class Waits:
    """The p99 in milliseconds that one model's callers had, round by round."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    longest: float = 0.0
    """Of all."""
    recorded: list[float] = field(default_factory=list)
    """By Prometheus, after the model had been asked beside its neighbour."""

    def add(self, latencies: Sequence[float], to: list[float]) -> None:
        found = quantile(latencies, 0.99)
        assert found is not None
        to.append(found)
        self.longest = max(self.longest, *latencies)


@pytest.fixture(scope="module")
def waits(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Mapping[str, Waits]:
    """By model. Several rounds, as other work on the machine makes one longer or the other."""
    folder = tmp_path_factory.mktemp("neighbours")
    found = {IMAGE: Waits(), TEXT: Waits()}
    with (
        pytest.MonkeyPatch.context() as environment,
        local_stack(folder, contracts={BUNDLE: contract()}) as stack,
    ):
        environment.setenv("SERVING_STATE", str(folder))
        publish(stack, built / BUNDLE / "1", folder, 1, model=BUNDLE, more=COMPUTING)
        stack.up()
        stack.configure(releases={BUNDLE: {"stable": 1}})
        with one_processor():
            stack.up()
        for _ in range(ROUNDS):
            for model, waited in found.items():
                waited.add(asked(stack, model)[model], waited.alone)
            for model, latencies in asked(stack, *found).items():
                found[model].add(latencies, found[model].beside)
            recorded(stack, found)
    return found


@contextmanager
def one_processor() -> Iterator[None]:
    """For whatever is started meanwhile."""
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def asked(stack: LocalStack, *models: str) -> Mapping[str, Sequence[float]]:
    """Milliseconds of each request, by model."""
    callers = [model for model in models for _ in range(AT_ONCE)]
    latencies: dict[str, list[float]] = {model: [] for model in models}
    with ThreadPoolExecutor(len(callers)) as pool:
        for model, found in zip(callers, pool.map(lambda m: busy(stack, m), callers), strict=True):
            latencies[model] += found
    return latencies


def busy(stack: LocalStack, model: str) -> Sequence[float]:
    """One request after the other."""
    tensor, samples = next(iter(held_out(model).items()))
    first = samples[:1] if samples.dtype.kind != "U" else samples[:1].astype(object)[:, None]
    body, head = request_body({tensor: first})
    bearer = token(stack, "vision")
    headers = {"host": f"{BUNDLE}.localhost", "authorization": f"Bearer {bearer}", **head}
    url = f"http://{addresses(stack.place).gateway}/v2/models/{model}/infer"
    found, end = [], time.monotonic() + SECONDS
    with httpx.Client(headers=headers, timeout=20) as client:
        while (begun := time.monotonic()) < end:
            client.post(url, content=body).raise_for_status()
            found.append(1000 * (time.monotonic() - begun))
    return found


def recorded(stack: LocalStack, waits: Mapping[str, Waits]) -> None:
    metrics = Metrics.of(stack)
    metrics.recorded_after(time.time() + SETTLED_SECONDS, BUNDLE)
    for model, waited in waits.items():
        waited.recorded.append(metrics.value(f'{PART}{{part="{model}"}}'))


@pytest.mark.parametrize("model", [IMAGE, TEXT])
def test_neighbours_raise_each_others_p99(waits: Mapping[str, Waits], model: str) -> None:
    """FM-11."""
    assert min(waits[model].beside) > MORE * min(waits[model].alone)


@pytest.mark.parametrize("model", [IMAGE, TEXT])
def test_the_record_of_each_part_shows_it(waits: Mapping[str, Waits], model: str) -> None:
    """It is what the server took, of the last minute."""
    waited = waits[model]
    assert MORE * min(waited.alone) < min(waited.recorded)
    assert max(waited.recorded) < waited.longest
