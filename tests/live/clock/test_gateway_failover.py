"""Servers that die, hang or come back behind a real Envoy: what callers notice of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from serving.load.tally import quantile
from serving.settings import Release
from tests.live.envoys import Envoy, model, running, served, tenant, until, version_of
from tests.live.upstreams import TOLD, Upstream, upstreams

pytestmark = pytest.mark.live

CROWD_SECONDS = 0.5
"""Of a request; much longer than it takes two busy processors to send one."""


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Upstream]]:
    names = (
        "dead-1-0", "dead-2-0", "hung-1-0", "hung-2-0", "half-1-0", "half-2-0", "half-2-1",
        "storm-1-0", "crowd-1-0", "crowd-2-0",
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
        served(model("crowd"), every, stable=1, canary=2, weight=50),
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


@pytest.mark.full
def test_ten_times_the_requests_while_the_canary_dies_make_no_caller_of_stable_wait(
    envoy: Envoy, servers: dict[str, Upstream]
) -> None:
    """Row 65."""
    stable, canary = servers["crowd-1-0"], servers["crowd-2-0"]
    stable.delay = canary.delay = CROWD_SECONDS

    def asked(_: int) -> tuple[float, float, str | None]:
        begun = time.monotonic()
        answer = envoy.post("crowd")
        assert answer.status_code == 200
        return begun, time.monotonic() - begun, version_of(answer)

    with ThreadPoolExecutor(4) as few:
        calm = [took for _, took, version in few.map(asked, range(40)) if version == "1"]
    with ThreadPoolExecutor(40) as many:
        crowd = [many.submit(asked, number) for number in range(600)]
        until(lambda: len(canary.requests) > 100)
        canary.stop()
        died = time.monotonic()
        found = [each.result() for each in crowd]
    after = [took for begun, took, _ in found if begun > died]
    assert len(after) > 200
    assert {version for begun, _, version in found if begun > died} == {"1"}
    calm_p99, p99 = quantile(calm, 0.99), quantile(after, 0.99)
    assert calm_p99 is not None
    assert p99 is not None
    assert p99 < 2 * calm_p99
    by_stable = len(calm) + sum(version == "1" for _, _, version in found)
    assert len(stable.requests) == by_stable, "each of them once"


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
