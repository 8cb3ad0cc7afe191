"""The route of a promotion on a real Envoy: read back, changed, refused, drained."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.gateway.documents import ROUTES, with_resources
from serving.gateway.routes import routes
from serving.gateway.shares import with_shares
from serving.promotion.envoy_route import HELD, EnvoyRoute
from tests.contracts import changed
from tests.live.envoys import Envoy, free_port, model, running, served, tenant, until, version_of
from tests.live.upstreams import Upstream, upstreams
from tests.unit.serving.gateway import gateways

pytestmark = pytest.mark.live

REFUSED = r"http\.gateway\.rds\.gateway\.update_rejected"
FAILED = r"http\.gateway\.rds\.gateway\.update_failure"


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Upstream]]:
    with upstreams("digits-1-0", "digits-2-0", "offers-1-0") as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    servers: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Envoy]:
    models = [
        served(model(), servers.values(), stable=1, canary=2, weight=25),
        served(model("offers"), servers.values(), stable=1),
    ]
    with running(tmp_path_factory.mktemp("envoy"), models, tenant("vision")) as found:
        yield found


@pytest.fixture
def envoy(gateway: Envoy) -> Iterator[Envoy]:
    """As it was at the start, after each test."""
    yield gateway
    gateway.settle(ROUTES, routes(gateway.gateway), "http.gateway.rds.gateway")
    (gateway.folder / HELD).unlink(missing_ok=True)


@pytest.fixture
def route(envoy: Envoy) -> EnvoyRoute:
    return EnvoyRoute(envoy.admin, envoy.folder / ROUTES)


def test_the_shares_are_those_in_force(envoy: Envoy, route: EnvoyRoute) -> None:
    assert route.shares("digits") == {1: 75, 2: 25}
    assert route.shares("offers") == {1: 100}
    assert route.shares("other") == {}
    (envoy.folder / ROUTES).write_text("{}")  # in place: Envoy does not read it
    assert route.shares("digits") == {1: 75, 2: 25}


def test_who_cannot_be_asked_has_no_shares(envoy: Envoy) -> None:
    silent = EnvoyRoute(f"http://127.0.0.1:{free_port()}", envoy.folder / ROUTES)
    with pytest.raises(ServingError, match="is the gateway running"):
        silent.shares("digits")
    before = (envoy.folder / ROUTES).read_text()
    with pytest.raises(ServingError, match="does not answer"):
        silent.change("digits", {1: 100})
    assert (envoy.folder / ROUTES).read_text() == before
    assert json.loads((envoy.folder / HELD).read_text()) == {}


def test_a_change_is_in_force_when_it_returns(envoy: Envoy, route: EnvoyRoute) -> None:
    route.change("digits", {1: 100})
    assert Counter(version_of(envoy.post()) for _ in range(50)) == {"1": 50}
    assert Counter(envoy.call().result() for _ in range(50)) == {b"digits-1-0": 50}
    assert route.shares("digits") == {1: 100}
    assert route.shares("offers") == {1: 100}
    route.change("digits", {1: 40, 2: 60})
    assert route.shares("digits") == {1: 40, 2: 60}
    held = json.loads((envoy.folder / HELD).read_text())
    assert held == {"digits": {"digits-1": 40, "digits-2": 60}}


def test_a_version_that_has_no_servers_is_refused_and_nothing_changes(
    envoy: Envoy, route: EnvoyRoute
) -> None:
    """Without `validate_clusters` everybody would get a 503."""
    before, refused = (envoy.folder / ROUTES).read_text(), envoy.stat(REFUSED)
    route.change("offers", {1: 100})
    with pytest.raises(ServingError, match="Envoy refused the new routes and keeps the old ones"):
        route.change("digits", {1: 50, 9: 50})
    assert envoy.stat(REFUSED) == refused + 1
    assert route.shares("digits") == {1: 75, 2: 25}
    assert (envoy.folder / ROUTES).read_text() == before
    assert set(json.loads((envoy.folder / HELD).read_text())) == {"offers"}
    assert envoy.post().status_code == 200


def test_a_torn_file_changes_nothing(envoy: Envoy, route: EnvoyRoute) -> None:
    whole, failures = (envoy.folder / ROUTES).read_text(), envoy.stat(FAILED)
    for number, torn in enumerate(("", whole[: len(whole) // 2], "[]", "\0" * 100), start=1):
        envoy.write(ROUTES, torn)
        until(lambda wanted=failures + number: envoy.stat(FAILED) >= wanted)
        assert route.shares("digits") == {1: 75, 2: 25}
        with pytest.raises(ServingError, match=r"JSON.*`serving local up` writes it anew"):
            route.change("digits", {1: 100})
    assert envoy.post().status_code == 200


@pytest.mark.parametrize("shares", [{}, {1: 0, 2: 0}, {1: 99}, {1: 110, 2: -10}])
def test_shares_that_are_none_are_not_even_written(
    envoy: Envoy, route: EnvoyRoute, shares: dict[int, int]
) -> None:
    with pytest.raises(ServingError, match="expected shares that add up to 100"):
        route.change("digits", shares)
    assert not (envoy.folder / HELD).exists()


def test_envoy_itself_refuses_weights_of_nothing(envoy: Envoy, route: EnvoyRoute) -> None:
    document, refused = routes(envoy.gateway), envoy.stat(REFUSED)
    for host in document["resources"][0]["virtual_hosts"]:
        for one in host["routes"]:
            for cluster in one.get("route", {}).get("weighted_clusters", {}).get("clusters", ()):
                cluster["weight"] = 0
    envoy.write(ROUTES, with_resources(document, document["resources"]))
    until(lambda: envoy.stat(REFUSED) == refused + 1)
    assert route.shares("digits") == {1: 75, 2: 25}


def test_changes_at_once_lose_none(envoy: Envoy, route: EnvoyRoute) -> None:
    weights = {"digits": {1: 10, 2: 90}, "offers": {1: 100}}
    with ThreadPoolExecutor(4) as pool:
        each = [pool.submit(route.change, *one) for one in [*weights.items()] * 4]
        assert not [found for found in each if found.result()]
    assert {name: route.shares(name) for name in weights} == weights


def test_no_request_is_lost_while_the_weights_change(envoy: Envoy, route: EnvoyRoute) -> None:
    stop, statuses = threading.Event(), Counter[int]()

    def load() -> None:
        while not stop.is_set():
            statuses[envoy.post().status_code] += 1
            statuses[200 if envoy.call().code().value[0] == 0 else 500] += 1

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(load) for _ in range(4)]
        for flip in range(20):
            route.change("digits", {1: 100} if flip % 2 else {1: 50, 2: 50})
        stop.set()
        assert not [one for one in running if one.result()]
    assert statuses[200] > 500
    assert set(statuses) == {200}


def test_a_version_without_requests_is_drained_at_once(route: EnvoyRoute) -> None:
    route.change("digits", {1: 100})
    started = time.monotonic()
    route.drain("digits", 2, 5)
    assert time.monotonic() - started < 1


def test_draining_waits_for_what_is_in_flight(
    envoy: Envoy, route: EnvoyRoute, servers: dict[str, Upstream]
) -> None:
    route.change("digits", {2: 100})
    servers["digits-2-0"].delay = 1.5
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(envoy.post), pool.submit(envoy.call)]
        until(lambda: envoy.stat(r"cluster\.digits-2-pods\.upstream_rq_active") == 2)
        route.change("digits", {1: 100})
        with pytest.raises(ServingError, match=r"version 2 still has requests after 0.3 s \(2 in"):
            route.drain("digits", 2, 0.3)
        route.drain("digits", 2, 5)
        assert all(call.done() for call in calls)
    servers["digits-2-0"].delay = 0.0


def test_draining_never_ends_while_somebody_chooses_the_version(
    envoy: Envoy, route: EnvoyRoute
) -> None:
    route.change("digits", {1: 100})
    stop = threading.Event()

    def choose() -> None:
        while not stop.is_set():
            envoy.post(token=envoy.token(pin=True), headers={"x-model-version": "2"})

    with ThreadPoolExecutor(1) as pool:
        pool.submit(choose)
        try:
            with pytest.raises(ServingError, match="version 2 still has requests after 1 s"):
                route.drain("digits", 2, 1)
        finally:
            stop.set()


STATES = {
    "first": {"canary": 1},
    "alone": {"stable": 1},
    "shadow": {"stable": 1, "canary": 2},
    "half": {"stable": 1, "canary": 2, "weight": 50},
    "whole": {"stable": 1, "canary": 2, "weight": 100, "previous": 3},
    "warm": {"stable": 2, "previous": 1},
}


def test_envoy_takes_every_engine_in_every_state_of_its_release(tmp_path: Path) -> None:
    """Though nobody listens where the servers should be."""
    models = []
    for state, release in STATES.items():
        for kind in ("scan", "forms", "writer"):
            one = changed(kind, ("name",), f"{kind}-{state}")
            models.append(gateways.served(one, 2, **release))
    tenants = {one.contract.tenant: tenant(one.contract.tenant) for one in models}
    with running(tmp_path, models, *tenants.values()) as envoy:
        route = EnvoyRoute(envoy.admin, envoy.folder / ROUTES)
        assert route.shares("scan-half") == {1: 50, 2: 50}
        assert route.shares("writer-whole") == {2: 100}
        assert route.shares("forms-first") == {}
        assert envoy.post("scan-alone", token=envoy.token("radiology"), path="/").status_code == 404
        assert envoy.stat(r".*\.update_(rejected|failure)") == 0
    said = (tmp_path / "log").read_text().splitlines()
    assert not [line for line in said if "SIGTERM" not in line]  # nor anything deprecated


def test_a_gateway_without_models_is_one_too(tmp_path: Path) -> None:
    with running(tmp_path, [], tenant("vision")) as envoy:
        assert envoy.post().status_code == 404
        assert EnvoyRoute(envoy.admin, envoy.folder / ROUTES).shares("digits") == {}


def test_what_was_changed_is_what_the_stack_would_have_written(envoy: Envoy) -> None:
    """Apart from the order of resources nothing tells the two apart."""
    document = routes(envoy.gateway)
    assert with_shares(document, "digits", {1: 75, 2: 25}) == document
