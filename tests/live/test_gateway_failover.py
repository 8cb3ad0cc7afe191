"""Servers that die, hang or come back behind a real Envoy: what callers notice of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from serving.settings import Release
from tests.live.envoys import Envoy, model, running, served, tenant, until, version_of
from tests.live.upstreams import TOLD, Upstream, upstreams

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Upstream]]:
    names = (
        "dead-1-0", "dead-2-0", "hung-1-0", "hung-2-0", "half-1-0", "half-2-0", "half-2-1",
        "storm-1-0",
    )  # fmt: skip
    with upstreams(*names) as running:
        yield running


@pytest.fixture(scope="module")
def envoy(
    servers: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Envoy]:
    every = servers.values()
    models = [
        served(model("dead"), every, stable=1, canary=2, weight=50),
        served(model("hung"), every, stable=1, canary=2, weight=50),
        served(model("half"), every, stable=1, canary=2, weight=100),
        served(model("storm"), every, stable=1),
    ]
    with running(tmp_path_factory.mktemp("envoy"), models, tenant("vision")) as found:
        yield found


def answers(
    envoy: Envoy, name: str, times: int, *, at_once: int = 8, grpc_too: bool = True
) -> Counter[int]:
    """Statuses of HTTP requests; what a gRPC call ends with counts like them."""

    def one(number: int) -> int:
        if number % 2 or not grpc_too:
            return envoy.post(name).status_code
        return 200 if envoy.call(name).code().value[0] == 0 else 500

    with ThreadPoolExecutor(at_once) as pool:
        return Counter(pool.map(one, range(times)))


def test_nothing_is_lost_when_the_canary_dies(envoy: Envoy, servers: dict[str, Upstream]) -> None:
    """Over HTTP: Python's gRPC server answers CANCELLED as it ends, which is an answer. A Triton
    that is killed is in the demo, over both."""
    with ThreadPoolExecutor(1) as beside:
        during = beside.submit(answers, envoy, "dead", 600, grpc_too=False)
        until(lambda: len(servers["dead-2-0"].requests) > 50)
        servers["dead-2-0"].stop()
        assert during.result() == {200: 600}
    assert version_of(envoy.post("dead")) == "1"
    until(lambda: envoy.stat(r"cluster\.dead-2-pods\.outlier_detection\.ejections_active") > 0)


def test_one_server_of_two_is_enough_for_a_version_to_keep_its_traffic(
    envoy: Envoy, servers: dict[str, Upstream]
) -> None:
    servers["half-2-1"].stop()
    assert answers(envoy, "half", 60) == {200: 60}
    until(lambda: envoy.stat(r"cluster\.half-2-pods\.health_check\.failure") >= 4)
    taken_over = envoy.stat(r"cluster\.half-2-failover\.upstream_rq_total")
    assert answers(envoy, "half", 100) == {200: 100}
    assert envoy.stat(r"cluster\.half-2-failover\.upstream_rq_total") == taken_over


def test_a_server_that_hangs_is_out_within_ten_seconds_and_back_when_it_computes_again(
    envoy: Envoy, servers: dict[str, Upstream]
) -> None:
    hung = servers["hung-2-0"]
    envoy.post("hung")  # so that it counts as used, and is probed often
    hung.hang()
    started = time.monotonic()
    assert answers(envoy, "hung", 8) == {200: 8}  # each of them within one try and a second one
    assert time.monotonic() - started < 5
    out = r"cluster\.hung-2-pods\.health_check\.failure"
    until(lambda: envoy.stat(out) >= 4)
    assert time.monotonic() - started < 10
    before, started = len(hung.requests), time.monotonic()
    assert answers(envoy, "hung", 40) == {200: 40}
    assert time.monotonic() - started < 1
    assert len(hung.requests) == before
    hung.go_on()
    until(lambda: "2" in {version_of(envoy.post("hung")) for _ in range(20)})


def test_retries_do_not_double_the_load_of_servers_that_fail(
    envoy: Envoy, servers: dict[str, Upstream]
) -> None:
    failing = servers["storm-1-0"]
    failing.status, failing.delay = 500, 0.2
    found = answers(envoy, "storm", 200, at_once=40)
    assert found == {500: 200}
    assert len(failing.requests) < 200 * 1.4


def test_a_large_request_is_sent_again_whole(envoy: Envoy, servers: dict[str, Upstream]) -> None:
    body = bytes(range(256)) * 4000
    answer = envoy.post("half", content=body, headers={TOLD: "half-2-0=503"})
    assert version_of(answer) == "1"
    assert servers["half-1-0"].requests[-1].body == body


def test_a_caller_with_bad_inputs_puts_no_server_out(
    envoy: Envoy, servers: dict[str, Upstream]
) -> None:
    """A model's own errors are counted, and judged by a promotion."""
    (known,) = (one for one in envoy.gateway.served if one.name == "hung")
    envoy.put(replace(known, release=Release(stable=1, canary=2, weight=100)))
    servers["hung-2-0"].status = 500
    assert answers(envoy, "hung", 20) == {200: 20}
    servers["hung-2-0"].status = 200
    assert version_of(envoy.post("hung")) == "2"
