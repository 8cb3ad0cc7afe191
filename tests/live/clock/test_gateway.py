"""What a real Envoy counts, read as the promotion reads it: each failure once, at the right arm."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from serving.observability.dialect import GRPC_FAILURES
from serving.promotion.arm import Side, measured
from serving.promotion.gateway import envoy as series
from serving.promotion.increments import Raw
from serving.promotion.measurement import Arm
from serving.promotion.scrape import Scrape
from tests.exporters import Exporters
from tests.live.envoys import Envoy, model, running, served, tenant, until, version_of
from tests.live.upstreams import TOLD, Upstream, upstreams

pytestmark = pytest.mark.live

CALLERS_FAULT = (400, 404, 429)
RETRIED = (4, 13, 14)
"""gRPC statuses after which another version answers."""


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Upstream]]:
    names = (
        "digits-1-0", "digits-2-0", "dead-1-0", "dead-2-0", "gone-1-0", "gone-2-0",
        "alone-1-0",
        "hung-1-0", "hung-2-0", "copied-1-0", "copied-2-0",
    )  # fmt: skip
    with upstreams(*names) as running:
        yield running


@pytest.fixture(scope="module")
def envoy(
    servers: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Envoy]:
    canaries = [
        served(model(name), servers.values(), stable=1, canary=2, weight=100)
        for name in ("digits", "dead", "gone", "hung")
    ]
    shadow = served(model("copied", shadow_percent=100), servers.values(), stable=1, canary=2)
    alone = served(model("alone"), servers.values(), stable=1)
    models = [*canaries, shadow, alone]
    with running(tmp_path_factory.mktemp("envoy"), models, tenant("vision")) as found:
        yield found


def scrape(
    envoy: Envoy, name: str, act: Callable[[], object], version: int, mirrored: bool
) -> tuple[Side, Scrape]:
    side = Side.of(model(name), version, series, mirrored=mirrored)
    found = Exporters()
    sample(envoy, name, found, 0.0)
    act()
    time.sleep(0.1)  # Envoy counts after it has answered
    sample(envoy, name, found, 15.0)
    raw: dict[str, tuple[Raw, ...]] = {s: found.select(s, 0, 15) for s in side.selectors}
    return side, Scrape(series=raw, since=0.0, until=15.0, interval=15.0)


def sample(envoy: Envoy, of: str, into: Exporters, at: float) -> None:
    for name, labels, value in envoy.metrics(of):
        pod = {"pod": labels["envoy_endpoint_hostname"]} if "endpoint" in name else {}
        into.gauge(name, value, job="envoy", instance="gateway", **labels, **pod)
    into.scrape(at)


def counted(
    envoy: Envoy,
    name: str,
    act: Callable[[], object],
    *,
    version: int = 2,
    mirrored: bool = False,
) -> Arm:
    """What the counters of a version say about what `act` did."""
    return measured(*scrape(envoy, name, act, version, mirrored))


def asked(envoy: Envoy, name: str, status: int = 200, times: int = 1) -> list[int]:
    """The canary's server answers so; what comes back to the caller."""
    headers = {TOLD: f"{name}-2-0={status}"}
    return [envoy.post(name, headers=headers).status_code for _ in range(times)]


def seen(arm: Arm) -> tuple[int, int]:
    return arm.counts.requests, arm.counts.errors


def test_a_failure_made_good_by_another_version_counts_once(envoy: Envoy) -> None:
    arm = counted(
        envoy, "digits", lambda: asked(envoy, "digits", 503, 4) + asked(envoy, "digits", 200, 10)
    )
    assert seen(arm) == (14, 4)
    (pod,) = (counts for counts in arm.pods.values() if counts.requests)
    assert (pod.requests, pod.errors) == (14, 4)


def test_a_failure_that_reaches_its_caller_counts_once(envoy: Envoy) -> None:
    def fail() -> None:
        answers = [envoy.post(headers={TOLD: "*=500"}).status_code for _ in range(4)]
        assert answers == [500] * 4

    assert seen(counted(envoy, "digits", fail)) == (4, 4)


def test_what_callers_did_wrong_is_no_error(envoy: Envoy) -> None:
    def wrong() -> None:
        assert [asked(envoy, "digits", each) for each in CALLERS_FAULT] == [
            [each] for each in CALLERS_FAULT
        ]

    assert seen(counted(envoy, "digits", wrong)) == (3, 0)


GONE = {"dead": (2, 200), "gone": (2, 503), "alone": (1, 503)}
"""Model → the version whose servers are gone, and what callers get. Who would take over from
`gone` is gone too; from `alone` nobody else would."""


def test_a_server_that_is_gone_fails_every_request(
    envoy: Envoy, servers: dict[str, Upstream]
) -> None:
    for name in ("dead-2-0", "gone-1-0", "gone-2-0", "alone-1-0"):
        servers[name].stop()
    at_first = {name: fails(envoy, name) for name in GONE}  # by retries
    for name, (version, _) in GONE.items():
        out = rf"cluster\.{name}-{version}-pods\.health_check\.failure"
        until(lambda out=out: envoy.stat(out) >= 4)
    later = {name: fails(envoy, name) for name in GONE}  # because all of them are out
    assert at_first == later == dict.fromkeys(GONE, (5, 5))


def fails(envoy: Envoy, name: str) -> tuple[int, int]:
    version, status = GONE[name]

    def ask() -> None:
        assert asked(envoy, name, times=5) == [status] * 5

    return seen(counted(envoy, name, ask, version=version))


def test_a_server_that_hangs_fails_each_request_once(
    envoy: Envoy, servers: dict[str, Upstream]
) -> None:
    def ask() -> None:
        with ThreadPoolExecutor() as pool:
            answers = [pool.submit(envoy.post, "hung"), pool.submit(envoy.call, "hung")]
        assert [version_of(answer.result()) for answer in answers] == ["1", "1"]

    servers["hung-2-0"].hang()
    arm = counted(envoy, "hung", ask)
    servers["hung-2-0"].go_on()
    assert seen(arm) == (2, 2)


@pytest.mark.parametrize("code", range(17))
def test_each_grpc_status_counts_for_whom_it_blames(envoy: Envoy, code: int) -> None:
    def call() -> None:
        ended = envoy.call(metadata=[(TOLD, f"digits-2-0={code}")])
        assert ended.code().value[0] == (0 if code in RETRIED else code)

    assert seen(counted(envoy, "digits", call)) == (1, int(code in GRPC_FAILURES))


def test_mirrored_requests_count_only_where_they_are_asked_for(envoy: Envoy) -> None:
    def mirrored() -> None:
        asked(envoy, "copied", 500, 3)
        asked(envoy, "copied", 200, 4)

    assert seen(counted(envoy, "copied", mirrored, mirrored=True)) == (7, 3)
    assert seen(counted(envoy, "copied", mirrored)) == (0, 0)


def test_a_copy_that_is_never_answered_is_an_error(
    envoy: Envoy, servers: dict[str, Upstream]
) -> None:
    def copies() -> None:
        asked(envoy, "copied", times=3)
        until(lambda: envoy.stat(r"cluster\.copied-2-mirror\.upstream_rq_active") == 0)

    servers["copied-2-0"].hang()
    arm = counted(envoy, "copied", copies, mirrored=True)
    servers["copied-2-0"].go_on()
    assert seen(arm) == (3, 3)


def test_who_chooses_the_version_is_no_sample_of_it(envoy: Envoy) -> None:
    def choose() -> None:
        answer = envoy.post(token=envoy.token(pin=True), headers={"x-model-version": "2"})
        assert version_of(answer) == "2"

    side, found = scrape(envoy, "digits", choose, 2, False)
    assert seen(measured(side, found)) == (0, 0)
    assert found.quantity(side.contract, side.gateway.tries) == 0
    assert found.quantity(side.contract, side.gateway.helped) == 1


def test_probes_are_what_the_server_saw_of_them(envoy: Envoy, servers: dict[str, Upstream]) -> None:
    server = servers["digits-2-0"]

    def probed() -> None:
        before = probes()
        until(lambda: probes() >= before + 3)

    def probes() -> int:
        return sum(each.probe for each in server.seen)

    before = probes()
    side, found = scrape(envoy, "digits", probed, 2, False)
    assert seen(measured(side, found)) == (0, 0)
    assert found.quantity(side.contract, side.gateway.probes) == probes() - before
    assert {each.path for each in server.seen if each.probe} == {
        "/v2/models/digits/versions/2/infer"
    }


def test_latency_is_counted_at_the_next_flush(envoy: Envoy, servers: dict[str, Upstream]) -> None:
    def slow() -> Any:
        servers["digits-2-0"].delay = 0.4
        asked(envoy, "digits", times=3)
        servers["digits-2-0"].delay = 0.0
        asked(envoy, "digits", times=10)
        time.sleep(1.5)

    arm = counted(envoy, "digits", slow)
    edges = model().observability.latency_edges_ms
    slower = dict(zip(edges, arm.counts.slower, strict=True))
    assert (slower[250.0], slower[1000.0]) == (3, 0)
