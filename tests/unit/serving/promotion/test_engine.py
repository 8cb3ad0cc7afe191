from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from serving.promotion.decision import Facts
from serving.promotion.engine import EXIT_CODES
from serving.promotion.events import Event
from serving.promotion.journal import Overtaken, records
from serving.promotion.measurement import Arm, Counts, Window
from serving.promotion.record import Decided, Effect, Ended, Intent, Observed, Undelivered
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
    assert (ended.outcome, world.weights, world.pauses) == ("rolled back", [], [])
    assert "wrong answer to sample 3" in ended.reason
    assert table(world) == STABLE


def test_a_version_whose_servers_never_come_up_is_removed_at_once() -> None:
    world = World(HEALTHY)
    said = "digits-2-1: ended before it was ready; its log ends:\nno such file: weights.npz"
    world.failing = lambda changes: said if changes["digits"] != Release(stable=1) else ""
    ended = world.run()
    assert (ended.outcome, ended.reason) == ("rolled back", f"start the canary: {said}")
    assert (table(world), world.weights) == (STABLE, [])
    assert world.deeds == ["verify"]


def test_servers_of_others_that_do_not_come_up_are_not_the_versions_fault() -> None:
    world = World(HEALTHY)
    world.failing = lambda changes: "words-digits-2-1, digits-21: ended before it was ready"
    ended = world.run()
    assert (ended.outcome, EXIT_CODES[ended.outcome]) == ("held", 11)
    assert ended.reason.startswith("start the canary failed 3 times: words-digits-2-1")


def test_what_failed_is_tried_again_only_after_a_while() -> None:
    world = World(HEALTHY)
    world.failing = lambda changes: "" if world.pauses else "the gateway refuses connections"
    assert world.run().outcome == "promoted"
    assert world.pauses == [5]
    world = World(HEALTHY)
    world.failing = lambda changes: "the gateway refuses connections"
    assert world.run().outcome == "held"
    assert world.pauses == [5, 20]


@pytest.mark.parametrize(
    ("asked", "outcome"), [(Facts(abort="by kim"), "rolled back"), (Facts(), "interrupted")]
)
def test_who_wants_an_end_between_two_tries_gets_it(asked: Facts, outcome: str) -> None:
    world = World(HEALTHY)
    world.failing = lambda changes: "" if world.pauses else "the gateway refuses connections"

    def want() -> None:
        world.asked, world.stop_at = asked, world.windows

    world.in_pause = want
    assert world.run().outcome == outcome
    assert world.pauses == [5]


def test_a_weight_that_cannot_be_read_is_not_called_a_change_by_others() -> None:
    world = World(HEALTHY)
    world.unreadable = lambda: world.weights[-1:] == [5]
    ended = world.run()
    assert (ended.outcome, world.weights) == ("held", [5])
    assert ended.reason.endswith("times: the gateway refuses connections")


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
    assert world.pauses == [], "who rolls back does not wait for the other way"
    assert (table(world), world.split) == (STABLE, {1: 100})


def test_requests_are_taken_away_from_a_version_with_short_pauses() -> None:
    world = World(HARMFUL)

    def failing(changes: object) -> str:
        back = bool(world.weights) and world.weights[-1] == 0 and not world.deeds.count("direct")
        if back:
            world.split = {1: 90, 2: 10}
        return "provider: no answer" if back else ""

    world.failing, world.unchangeable = failing, lambda: len(world.pauses) < 2
    assert world.run().outcome == "rolled back"
    assert world.pauses == [1, 4]
    assert world.split == {1: 100}


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


def test_why_an_update_failed_is_told_where_the_route_does_not_confirm_it() -> None:
    world = World(HEALTHY, stuck=True)
    world.failing = lambda changes: "disk full" if world.table["digits"].weight else ""
    ended = world.run()
    assert ended.outcome == "held"
    assert "disk full; model digits: the route should be {1: 95, 2: 5}" in ended.reason


def test_a_rollback_that_the_route_does_not_confirm_is_done_directly() -> None:
    world = World(HEALTHY, stop_at=40)
    world.run()
    world.stuck, world.stop_at, world.asked = True, -1, Facts(abort="by kim")
    assert world.resume().outcome == "rolled back"
    assert (world.deeds[-1], world.split) == ("direct", {1: 100})


def test_an_update_that_outlives_its_promoter_is_completed_and_not_called_by_hand() -> None:
    world = World(HEALTHY, stop_at=40)
    world.run()
    before = len(world.weights)
    world.held, world.stop_at = "an engine that lives on", -1
    assert EXIT_CODES[world.resume().outcome] == 11
    *_, intent = [each.body for each in records(world) if isinstance(each.body, Intent)]
    weight = intent.weight or 0
    world.held = ""
    world.apply({"digits": Release(stable=1, canary=2, weight=weight)}, 0)
    assert world.resume().outcome == "promoted"
    assert world.weights[before] == weight
    decisions = [each.body.decision for each in records(world) if isinstance(each.body, Decided)]
    assert not [each.reason for each in decisions if "by hand" in each.reason]


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


def test_at_100_percent_the_watch_goes_on_for_a_while() -> None:
    world = World(HEALTHY, started(watch_seconds=45))
    assert world.run().outcome == "promoted"
    seen = [each.body.window for each in records(world) if isinstance(each.body, Observed)]
    assert [window.weight for window in seen][-4:] == [95, 100, 100, 100]


def test_a_question_at_100_percent_is_for_a_person() -> None:
    world = World(HEALTHY, started(watch_seconds=45))
    oom = Arm(counts=Counts(), out_of_memory=1)
    world.traffic = [*(_with(each, oom) for each in HEALTHY)]
    ended = world.run()
    assert (EXIT_CODES[ended.outcome], ended.weight) == (11, 100)
    assert ended.reason == "revert to the previous version? the canary ran out of memory"


def _with(each: Callable[[int], Window], arm: Arm) -> Callable[[int], Window]:
    """All requests reach it, and it falls over."""

    def seen(weight: int) -> Window:
        window = each(weight)
        return replace(window, canary=arm) if weight == 100 else window

    return seen


def test_a_stop_at_100_percent_is_no_reason_to_resume() -> None:
    world = World(HEALTHY, started(watch_seconds=1e6))
    world.stop_at = 200
    ended = world.run()
    assert (ended.outcome, ended.reason) == (
        "promoted",
        "all requests reach it; the watch was cut short",
    )


def test_an_abort_waits_for_no_window() -> None:
    world = World(HEALTHY, stop_at=40)
    world.run()
    world.asked, world.stop_at = Facts(abort="by kim"), -1
    seen = world.windows
    assert world.resume().outcome == "rolled back"
    assert world.windows == seen
    assert world.drained == [(2, 0)]
    assert replay(records(world)).difference is None


def test_an_abort_before_anything_was_deployed_starts_nothing() -> None:
    world = World(HEALTHY, asked=Facts(abort="by kim"))
    assert world.run().outcome == "rolled back"
    assert (world.deeds, world.weights, table(world)) == ([], [], STABLE)


def test_others_are_told_after_the_effect_and_what_was_not_delivered_is_recorded() -> None:
    world = World(HARMFUL)
    told: list[tuple[str, list[int]]] = []

    def tell(event: Event) -> list[Undelivered]:
        told.append((event.what, list(world.weights)))
        return [Undelivered(to="https://hooks", problem="HTTP 500")]

    world.tell = tell
    world.run()
    what = [each for each, _ in told]
    assert (what[0], what[-1]) == ("started", "rolled back")
    assert dict(told)["rollback"][-1] == 0, "the rollback is not delayed by who hears of it"
    said = [each.body for each in records(world)]
    assert sum(isinstance(body, Undelivered) for body in said) == len(told)
    assert isinstance(said[-1], Ended)
    assert replay(records(world)).difference is None


def test_what_is_decided_again_and_again_is_told_once() -> None:
    world = World(HEALTHY, stop_at=30)
    told: list[Event] = []

    def tell(event: Event) -> list[Undelivered]:
        told.append(event)
        return []

    def moved(weight: int) -> Window:
        world.split = {1: 60, 2: 40}
        return HEALTHY[10](weight)

    world.tell, world.traffic = tell, [*HEALTHY[:10], *[moved] * 30]
    assert world.run().outcome == "interrupted"
    held = [event for event in told if event.what == "hold"]
    assert ["changed by hand" in event.reason for event in held] == [True]
