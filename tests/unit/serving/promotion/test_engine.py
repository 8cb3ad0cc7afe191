from __future__ import annotations

from itertools import pairwise

import pytest

from serving.promotion.decision import Facts
from serving.promotion.engine import EXIT_CODES
from serving.promotion.journal import Overtaken, records
from serving.promotion.record import Decided, Effect, Intent, Observed
from serving.promotion.replay import replay
from serving.settings import Release
from tests.unit.serving.promotion.recorded import Traffic, simulated, started
from tests.unit.serving.promotion.world import Killed, World

HEALTHY = simulated(1, 400)
HARMFUL = simulated(1, 400, errors=0.3, since=30)
PROMOTED = {"digits": Release(stable=2, previous=1)}
STABLE = {"digits": Release(stable=1)}


def table(world: World) -> dict[str, Release]:
    return {name: each.model_copy(update={"revision": 0}) for name, each in world.table.items()}


def test_a_healthy_version_takes_each_step_and_becomes_stable() -> None:
    world = World(HEALTHY)
    assert EXIT_CODES[world.run().outcome] == 0
    assert world.weights == [5, 10, 25, 50, 95, 100]
    assert (table(world), world.split) == (PROMOTED, {2: 100})
    assert world.deeds == ["verify", "warm up", "golden"]


def test_a_harmful_version_goes_to_zero_before_it_is_removed() -> None:
    world = World(HARMFUL)
    assert EXIT_CODES[world.run().outcome] == 10
    assert world.weights[-1] == 0
    assert (table(world), world.split) == (STABLE, {1: 100})
    said = [each.body for each in records(world)]
    actions = [body.action for body in said if isinstance(body, Intent)]
    assert actions[-2:] == ["change the weight", "remove the canary"]


@pytest.mark.parametrize("test", ["verify", "warm up", "golden"])
def test_an_unfit_version_never_takes_traffic(test: str) -> None:
    world = World(HEALTHY, unfit={test: "wrong answer to sample 3"})
    ended = world.run()
    assert (ended.outcome, world.weights) == ("rolled back", [])
    assert "wrong answer to sample 3" in ended.reason
    assert table(world) == STABLE


def test_every_effect_stands_between_its_intent_and_its_confirmation() -> None:
    world = World(HEALTHY)
    world.run()
    said = [each.body for each in records(world)]
    assert sum(isinstance(body, Effect) for body in said) == 10
    for before, body in pairwise(said):
        assert isinstance(body, Effect) == isinstance(before, Intent)


@pytest.mark.parametrize("traffic", [HEALTHY, HARMFUL], ids=["healthy", "harmful"])
def test_killed_anywhere_it_resumes_to_the_same_end(traffic: Traffic) -> None:
    quick = started(dwell_seconds=(15,) * 5)
    whole = World(traffic, quick)
    expected = whole.run().outcome
    for kill_at in _around_effects(whole):
        world = World(traffic, quick, kill_at=kill_at)
        with pytest.raises(Killed):
            world.run()
        assert world.resume().outcome == expected, kill_at
        assert (table(world), world.split) == (table(whole), whole.split), kill_at
        assert replay(records(world)).difference is None


def _around_effects(world: World) -> list[int]:
    """The points at and around each effect; among windows nothing but records is written."""
    effects = [i for i, deed in enumerate(world.path, 1) if not deed.endswith("record")]
    near = {i + offset for i in effects for offset in range(-2, 3)}
    return sorted({1, 2, 3, *(point for point in near if 1 <= point <= len(world.path))})


def test_what_was_decided_before_a_kill_does_not_raise_the_weight_unseen() -> None:
    world = World(HEALTHY)
    world.kill_at = next(number for number in range(1, 200) if _killed_after(number, "advance"))
    with pytest.raises(Killed):
        world.run()
    world.split = {1: 60, 2: 40}  # by hand, while nobody looked
    world.stop_at = world.windows + 5
    assert world.resume().outcome == "interrupted"
    assert world.split == {1: 60, 2: 40}
    decisions = [each.body for each in records(world) if isinstance(each.body, Decided)]
    assert "changed by hand" in decisions[-1].decision.reason


def _killed_after(number: int, verdict: str) -> bool:
    world = World(HEALTHY, kill_at=number)
    with pytest.raises(Killed):
        world.run()
    last = list(records(world))[-1].body if world.store.kept else None
    return isinstance(last, Decided) and last.decision.verdict == verdict


def test_a_rollback_does_not_wait_for_a_locked_stack() -> None:
    world = World(HEALTHY, stop_at=40)
    assert world.run().outcome == "interrupted"
    assert world.split != {1: 100}
    world.held, world.asked, world.stop_at = "lee@host for 60 s", Facts(abort="by kim"), -1
    ended = world.resume()
    assert EXIT_CODES[ended.outcome] == 12
    assert (world.deeds[-1], world.split) == ("direct", {1: 100})
    assert "lee@host" in ended.reason
    world.held = ""
    assert world.resume().outcome == "rolled back"
    assert table(world) == STABLE


def test_an_update_that_fails_on_the_way_back_is_overtaken_by_the_direct_change() -> None:
    world = World(HARMFUL)

    def failing(changes: object) -> str:
        back = bool(world.weights) and world.weights[-1] == 0 and "direct" not in world.deeds
        if back:
            world.split = {1: 90, 2: 10}
        return "provider: no answer" if back else ""

    world.failing = failing
    assert world.run().outcome == "rolled back"
    assert "direct" in world.deeds
    assert (table(world), world.split) == (STABLE, {1: 100})


def test_an_engine_that_fails_after_the_fact_is_believed_less_than_the_route() -> None:
    world = World(HEALTHY)
    world.failing = lambda changes: "disk full" if world.weights == [5] else ""
    assert world.run().outcome == "promoted"
    details = [each.body.detail for each in records(world) if isinstance(each.body, Effect)]
    assert "in force, though disk full" in details


def test_a_weight_that_the_route_does_not_confirm_does_not_count() -> None:
    world = World(HEALTHY, stuck=True)
    ended = world.run()
    assert (ended.outcome, ended.weight) == ("held", 0)
    assert "the route should be {1: 95, 2: 5}" in ended.reason
    assert "reads back as {1: 100}" in ended.reason


def test_a_rollback_that_the_route_does_not_confirm_is_done_directly() -> None:
    world = World(HEALTHY, stop_at=40)
    world.run()
    world.stuck, world.stop_at, world.asked = True, -1, Facts(abort="by kim")
    assert world.resume().outcome == "rolled back"
    assert (world.deeds[-1], world.split) == ("direct", {1: 100})


def test_a_change_that_never_comes_into_force_is_given_up_where_it_stands() -> None:
    world = World(HEALTHY)
    world.failing = lambda changes: "quota exceeded" if world.weights[-1:] == [100] else ""
    ended = world.run()
    assert EXIT_CODES[ended.outcome] == 11
    assert "promote failed 3 times: quota exceeded" in ended.reason


def test_a_stop_is_a_safe_point_from_which_it_goes_on() -> None:
    world = World(HEALTHY, stop_at=7)
    assert EXIT_CODES[world.run().outcome] == 130
    world.stop_at = -1
    assert world.resume().outcome == "promoted"
    assert world.deeds == ["verify", "warm up", "golden"]


def test_who_was_overtaken_does_nothing_more() -> None:
    world = World(HEALTHY, stop_at=20)
    world.run()
    before = (world.table, world.split, len(world.store.kept))
    world.overtaken, world.stop_at = True, -1
    with pytest.raises(Overtaken):
        world.resume()
    assert (world.table, world.split, len(world.store.kept)) == before


def test_a_question_ends_the_run_and_is_asked_again_only_after_a_new_look() -> None:
    world = World(HARMFUL, started(armed=False))
    ended = world.run()
    assert EXIT_CODES[ended.outcome] == 11
    seen = world.windows
    assert world.resume().outcome == "asks"
    assert world.windows > seen
    assert any(isinstance(each.body, Observed) for each in records(world))
