"""What a contract says of batches and instances is what the server does."""

from __future__ import annotations

import sys

import pytest

from benchmarks.serving.load import closed_loop
from tests.live.versions import ONE, served_toy

pytestmark = pytest.mark.live


def test_requests_that_come_together_run_together_and_without_batching_each_runs_alone() -> None:
    """SRV-2, SRV-5, SCP-8: the first contract has no batching section at all."""
    with served_toy(sleep_ms=20, max_batch_size=32) as server:
        batched = closed_loop(server, "toy", ONE, clients=64, requests=10)
    with served_toy(sleep_ms=20, max_batch_size=32, batching={"enabled": False}) as server:
        alone = closed_loop(server, "toy", ONE, clients=64, requests=1)
    sys.stdout.write(f"64 clients, 20 ms an execution: batched {batched}; alone {alone}\n")
    assert batched.batch > 1.5
    assert alone.batch == 1
    assert batched.rate > 2 * alone.rate


def test_waiting_for_a_batch_makes_batches_larger_and_stays_inside_the_slo() -> None:
    """SRV-3: eight clients do not fill a batch by themselves; who waits for longer than an
    execution takes meets all of them."""
    outcomes = {}
    for delay_ms in (0, 10):
        batching = {"max_queue_delay_ms": delay_ms, "preferred": [8]}
        with served_toy(sleep_ms=5, batching=batching) as server:
            outcomes[delay_ms] = closed_loop(server, "toy", ONE, clients=8, requests=25)
        sys.stdout.write(f"8 clients, queue delay {delay_ms} ms: {outcomes[delay_ms]}\n")
    assert outcomes[10].batch > outcomes[0].batch
    assert outcomes[10].quantile(0.99) < 0.25


def test_a_request_right_after_an_answer_is_not_forgotten() -> None:
    """With a bounded queue Triton 2.51.0 sleeps on for half a second, some times in a hundred."""
    with served_toy(batching={"max_queue_delay_ms": 0}) as server:
        one_by_one = closed_loop(server, "toy", ONE, clients=1, requests=1000)
    sys.stdout.write(f"one client: {one_by_one}\n")
    assert max(one_by_one.latencies) < 0.4


def test_two_instances_halve_the_time_of_two_slow_requests() -> None:
    """SRV-4, as a ratio of two runs."""
    seconds = {}
    for count in (1, 2):
        model = {"batching": {"enabled": False}, "instances": {"count": count}}
        with served_toy(sleep_ms=300, **model) as server:
            seconds[count] = closed_loop(server, "toy", ONE, clients=2, requests=1).seconds
    sys.stdout.write(
        f"two requests of 300 ms: {seconds[1]:.2f} s by one instance, {seconds[2]:.2f} s by two"
    )
    assert seconds[1] / seconds[2] > 1.5


def test_golden_requests_have_run_before_the_version_says_it_is_ready() -> None:
    """SRV-11: each alone, then the first of them as a full batch."""
    golden = [{"inputs": {"x": [value]}, "outputs": {"executions": [1]}} for value in (0.0, 1.0)]
    with served_toy(golden=golden) as server:
        warmed = server.infer("toy", 1, ONE)["executions"].item() - 1
    with served_toy(golden=golden, warmup=False) as server:
        cold = server.infer("toy", 1, ONE)["executions"].item() - 1
    assert (warmed, cold) == (3, 0)
