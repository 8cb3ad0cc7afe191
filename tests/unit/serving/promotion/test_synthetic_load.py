"""The load of a first release: sent on time whatever comes back, and judged as any window is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from serving.contract.model import Rollout
from serving.contract.runtime import TritonRuntime
from serving.errors import InputError
from serving.promotion.measurement import Window
from serving.promotion.promoting import promote
from serving.promotion.ready import Wish
from serving.promotion.record import Observed
from serving.promotion.synthetic_load import LoadTest, requests_of
from serving.settings import Release
from tests.contracts import contract
from tests.kserve import Double, Refuses, Tensors, labels, serving
from tests.unit.serving.contract.contracts import DIGITS, sound
from tests.unit.serving.promotion.scripted import Town, model, town

__all__ = ["town"]

CONTRACT = sound(DIGITS)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.promotion.surroundings.LEAST_SECONDS", 0.25)


@pytest.fixture
def server() -> Iterator[Double]:
    with serving(labels(3), "digits-1-1") as double:
        yield double


def refusing(inputs: Tensors) -> Tensors:
    raise Refuses("out of memory")


def test_requests_go_to_each_server_at_the_promised_rate(server: Double) -> None:
    with serving(labels(3), "digits-1-2") as other:
        scaling = CONTRACT.scaling.model_copy(update={"replica_rps": 100.0})
        contract = CONTRACT.model_copy(update={"scaling": scaling})
        begun = time.monotonic()
        seen = LoadTest(contract, 1, 2.0).run([server.endpoint, other.endpoint], 0.2)
        assert time.monotonic() - begun >= 0.19
        assert (seen.requests, seen.errors) == (40, 0)
        assert (len(server.asked), len(other.asked)) == (20, 20)


def test_a_slow_answer_delays_no_other_request_and_counts_from_when_it_was_due(
    server: Double,
) -> None:
    server.delay = 0.4  # one after the other they would take until 1.6 s
    seen = LoadTest(CONTRACT, 1, 2.0).run([server.endpoint], 0.2)
    edges = CONTRACT.observability.latency_edges_ms
    slower = dict(zip(edges, seen.slower, strict=True))
    assert (seen.requests, slower[100.0], slower[1000.0]) == (4, 4, 0)


def test_errors_and_requests_without_an_answer_in_time_count_as_errors(server: Double) -> None:
    server.answer = refusing
    assert LoadTest(CONTRACT, 1, 2.0).run([server.endpoint], 0.1).errors == 2
    server.delay = 0.3
    assert LoadTest(CONTRACT, 1, 0.05).run([server.endpoint], 0.1).errors == 2


def breaking(server: Double) -> Callable[[Tensors], Tensors]:
    """Well at first, so that it is found fit for load."""

    def answer(inputs: Tensors) -> Tensors:
        if len(server.asked) > 60:
            raise Refuses("out of memory")
        return labels(3)(inputs)

    return answer


def first(town: Town, server: Double) -> None:
    town.table = {}
    town.models["digits"] = model()
    scaling = town.models["digits"].scaling.model_copy(update={"replica_rps": 200.0})
    rollout = Rollout(min_step_seconds=15, gates=frozenset(("errors",)), false_advance=0.9)
    town.models["digits"] = town.models["digits"].model_copy(
        update={"scaling": scaling, "rollout": rollout}
    )
    town.servers = {1: (server.endpoint,)}
    town.split = {}


def test_a_first_release_takes_everything_once_it_has_held_its_load(
    town: Town, server: Double
) -> None:
    first(town, server)
    (result,) = promote(town.setting, [Wish(model="digits", version=1)])
    assert result.ended is not None
    assert result.ended.outcome == "promoted", result.ended
    assert town.table["digits"].model_copy(update={"revision": 0}) == Release(stable=1)
    assert [each["digits"] for each in town.updates] == [Release(canary=1), Release(stable=1)]
    windows = [each.body.window for _, each in town.records if isinstance(each.body, Observed)]
    assert windows[0].stable is None
    assert windows[0].canary.counts.requests == 50


def test_a_first_release_that_fails_under_load_is_removed(town: Town, server: Double) -> None:
    first(town, server)
    server.answer = breaking(server)
    (result,) = promote(town.setting, [Wish(model="digits", version=1, waive="first of all")])
    assert result.ended is not None
    assert result.ended.outcome == "rolled back"
    assert "digits" not in town.table


def later(town: Town, server: Double) -> None:
    """Version 2, beside users of version 1."""
    town.models["digits"] = model().model_copy(
        update={
            "rollout": model().rollout.model_copy(update={"load_test": True}),
            "scaling": model().scaling.model_copy(update={"replica_rps": 400.0}),
        }
    )
    town.servers = {1: (server.endpoint,), 2: (server.endpoint,)}


def windows(town: Town) -> list[Window]:
    return [each.body.window for _, each in town.records if isinstance(each.body, Observed)]


def test_a_later_release_holds_its_load_before_its_first_user(town: Town, server: Double) -> None:
    later(town, server)
    (result,) = promote(town.setting, [Wish(model="digits", version=2, waive="tested here")])
    assert result.ended is not None
    assert result.ended.outcome == "promoted", result.ended
    tested = [window for window in windows(town) if not window.weight]
    assert {(window.loaded, window.canary.counts.requests) for window in tested} == {(True, 100)}
    assert [each["digits"].weight for each in town.updates] == [0, 5, 10, 50, 0]
    assert not any(window.loaded for window in windows(town) if window.weight)


def test_a_later_release_that_fails_under_load_meets_no_user(town: Town, server: Double) -> None:
    later(town, server)
    server.answer = breaking(server)
    (result,) = promote(town.setting, [Wish(model="digits", version=2, waive="tested here")])
    assert result.ended is not None
    assert result.ended.outcome == "rolled back"
    assert result.ended.reason.startswith("over its limit, evidence"), "stable has other requests"
    assert {window.weight for window in windows(town)} == {0}
    assert town.split["digits"] == {1: 100}


def test_what_has_no_request_to_send_cannot_be_tested(town: Town) -> None:
    rollout = model().rollout.model_copy(update={"load_test": True})
    town.models["digits"] = town.models["digits"].model_copy(update={"rollout": rollout})
    with pytest.raises(InputError, match="is tested under load with the contract's own requests"):
        promote(town.setting, [Wish(model="digits", version=2)])
    assert town.updates == []


def test_without_a_server_there_is_no_load(town: Town, server: Double) -> None:
    later(town, server)

    def gone(model: str, number: int) -> None:
        town.servers = {1: (server.endpoint,)}
        if number == 2:
            town.stop.set()

    town.at_window = gone
    promote(town.setting, [Wish(model="digits", version=2)])
    assert [window.loaded for window in windows(town)] == [True, False, False]


def test_only_what_callers_reach_is_sent() -> None:
    ensemble = contract("forms")
    assert isinstance(ensemble.runtime, TritonRuntime)
    asked = {request.path.split("/")[3] for request in requests_of(ensemble, 1)}
    assert asked <= set(ensemble.runtime.reached) < set(ensemble.runtime.models)
