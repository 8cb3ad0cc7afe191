"""Whole promotions, from what somebody wants to how it ended, on a scripted ground."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from serving.contract.model import ModelContract
from serving.errors import InputError, ServingError
from serving.promotion.journal import records
from serving.promotion.latest import latest
from serving.promotion.lease import Busy
from serving.promotion.measurement import Unmet
from serving.promotion.metrics import PrometheusMetrics
from serving.promotion.place import stores_in
from serving.promotion.promoting import Result, exit_code, promote, resume
from serving.promotion.ready import Wish, ready
from serving.promotion.record import Ended, Observed, Started, Waived
from serving.promotion.replay import replay
from serving.settings import Release
from tests.unit.serving.promotion.scripted import HARMFUL, HEALTHY, Town, model, town

__all__ = ["town"]

WAIVED = "one server only"


def run(town: Town, *wishes: Wish) -> list[Result]:
    wanted = wishes or (Wish(model="digits", version=2, waive=WAIVED),)
    return promote(town.setting, wanted)


def outcome(results: list[Result]) -> str | None:
    (result,) = results
    return result.ended.outcome if result.ended else None


def release(town: Town, model: str = "digits") -> Release:
    return town.table[model].model_copy(update={"revision": 0})


def test_a_healthy_version_is_promoted_and_the_one_before_kept_warm(town: Town) -> None:
    results = run(town)
    assert (outcome(results), exit_code(results)) == ("promoted", 0)
    assert release(town) == Release(stable=2, previous=1)
    assert release(town, "words") == Release(stable=1)
    last = latest(town.ground.journals, "digits")
    assert last is not None
    assert replay(records(last.store)).difference is None


def test_the_watch_goes_on_at_100_percent(town: Town) -> None:
    run(town)
    last = latest(town.ground.journals, "digits")
    assert last is not None
    assert last.course.state.held_seconds >= last.started.plan.watch_seconds == 15
    assert last.course.window is not None
    assert last.course.window.weight == 100


def test_a_harmful_version_is_taken_back_drained_and_removed(town: Town) -> None:
    town.traffic = {"digits": HARMFUL}
    results = run(town)
    assert (outcome(results), exit_code(results)) == ("rolled back", 10)
    assert release(town) == Release(stable=1)
    assert town.drained == [("digits", 2, 0)]


def test_a_version_whose_files_are_not_what_was_published_never_starts(town: Town) -> None:
    town.unpublished = "digits 2: weights.npz has another digest"
    results = run(town)
    assert outcome(results) == "rolled back"
    assert "another digest" in str(results[0].ended)
    assert release(town) == Release(stable=1)
    assert not any(each.get("digits") == Release(canary=2, stable=1) for each in town.updates)


def test_what_is_stable_already_is_nothing_to_do(town: Town) -> None:
    results = run(town, Wish(model="digits", version=1))
    assert (results, exit_code(results)) == ([Result(model="digits")], 0)
    assert town.updates == []


def test_bad_input_for_one_of_several_models_changes_nothing(town: Town) -> None:
    wishes = Wish(model="digits", version=2, waive=WAIVED), Wish(model="words", version=9)
    with pytest.raises(InputError, match="words: version 9 is not published"):
        run(town, *wishes)
    with pytest.raises(InputError, match="each model once"):
        run(town, *(Wish(model="digits", version=n) for n in (2, 3)))
    assert town.updates == []
    assert not town.folder.joinpath("promotions").exists()


def test_several_models_are_promoted_side_by_side(town: Town) -> None:
    town.traffic = {"digits": HEALTHY, "words": HARMFUL}
    wishes = [Wish(model=name, version=2, waive=WAIVED) for name in ("digits", "words")]
    results = run(town, *wishes)
    assert [result.ended.outcome for result in results if result.ended] == [
        "promoted",
        "rolled back",
    ]
    assert exit_code(results) == 10
    assert release(town) == Release(stable=2, previous=1)
    assert release(town, "words") == Release(stable=1)


def test_traffic_that_decides_nothing_is_refused_unless_somebody_says_so(town: Town) -> None:
    town.rps = 0
    with pytest.raises(InputError, match=r"0 requests/s .* do not decide .* --anyway REASON"):
        run(town)
    assert town.updates == []
    results = run(town, Wish(model="digits", version=2, waive=WAIVED, anyway="rush hour comes"))
    assert outcome(results) == "promoted"
    said = [each.body for _, each in town.records if isinstance(each.body, Waived)]
    assert [(each.what, each.who, each.reason) for each in said] == [
        ("calibration", "kim", WAIVED),
        ("enough traffic", "kim", "rush hour comes"),
    ]


def test_traffic_that_was_not_recorded_for_long_is_not_taken_for_none(town: Town) -> None:
    town.unmet = (Unmet("unbroken", "up", "not scraped before the window"),)
    wish = Wish(model="digits", version=2, waive=WAIVED)
    with pytest.raises(InputError, match=r"not known: unbroken: .* recorded for 1. s, or start"):
        run(town, wish)
    assert town.updates == []
    wish = replace(wish, anyway="it was just started")
    made = ready(town.ground, wish, town.setting.person, town.table["digits"])
    assert "not known: unbroken" in made.notices[-1]


def test_uncalibrated_it_asks_instead_of_rolling_back_and_says_so_before(town: Town) -> None:
    town.traffic = {"digits": HARMFUL}
    told: list[str] = []
    results = promote(town.setting, [Wish(model="digits", version=2)], told.append)
    assert (outcome(results), exit_code(results)) == ("asks", 11)
    assert "never calibrated" in told[0]
    assert release(town) == Release(stable=1, canary=2, weight=5)


def test_while_one_process_promotes_a_model_another_one_is_told_by_whom(town: Town) -> None:
    with (
        town.setting.lease("digits", "promoting version 2 of digits"),
        pytest.raises(Busy, match=r"promoting version 2 of digits is being done by kim"),
    ):
        run(town)
    assert Busy.exit_code == 75


def test_a_stop_is_resumed_by_the_model_alone(town: Town) -> None:
    assert exit_code(interrupted(town)) == 130
    results = resume(town.setting, ["digits"])
    assert outcome(results) == "promoted"
    assert len(list(stores_in(town.ground.journals, "digits"))) == 1


def interrupted(town: Town) -> list[Result]:
    def stop(model: str, number: int) -> None:
        if number == 3:
            town.stop.set()

    town.at_window = stop
    results = run(town)
    town.stop.clear()
    town.at_window = lambda model, number: None
    return results


def test_running_again_what_was_interrupted_goes_on_with_it(town: Town) -> None:
    interrupted(town)
    assert outcome(run(town)) == "promoted"
    assert len(list(stores_in(town.ground.journals, "digits"))) == 1


def test_what_has_ended_is_not_resumed(town: Town) -> None:
    with pytest.raises(InputError, match="no promotion was recorded"):
        resume(town.setting, ["digits"])
    run(town)
    with pytest.raises(InputError, match="version 2 has ended, promoted"):
        resume(town.setting, ["digits"])


def test_a_newer_version_takes_the_canary_out_before_it_starts(town: Town) -> None:
    interrupted(town)
    town.updates.clear()
    results = run(town, Wish(model="digits", version=3, waive=WAIVED))
    assert outcome(results) == "promoted"
    assert release(town) == Release(stable=3, previous=1)
    assert town.drained[0] == ("digits", 2, 0)
    first, second, third = (plain(each["digits"]) for each in town.updates[:3])
    assert first == Release(stable=1, canary=2)
    assert second == Release(stable=1)
    assert third == Release(stable=1, canary=3)
    ends = [each.body.reason for _, each in town.records if isinstance(each.body, Ended)]
    assert "superseded by version 3, which starts afresh" in ends


def plain(entry: Release | None) -> Release | None:
    return entry.model_copy(update={"revision": 0}) if entry else None


def test_a_canary_that_nobody_promoted_is_taken_out_the_same_way(town: Town) -> None:
    town.apply({"digits": Release(stable=1, canary=2, weight=20)}, 0)
    town.updates.clear()
    assert outcome(run(town, Wish(model="digits", version=3, waive=WAIVED))) == "promoted"
    assert [plain(each["digits"]) for each in town.updates[:3]] == [
        Release(stable=1, canary=2),
        Release(stable=1),
        Release(stable=1, canary=3),
    ]
    assert town.drained[0] == ("digits", 2, 0)


def test_a_canary_that_cannot_be_taken_out_stops_the_next_one(town: Town) -> None:
    interrupted(town)
    town.failing = lambda changes: "quota exceeded"
    with pytest.raises(ServingError, match=r"before version 3 could not be taken out: rollback"):
        run(town, Wish(model="digits", version=3, waive=WAIVED))
    assert not any(isinstance(each.body, Started) and each.body.version == 3
                   for _, each in town.records)  # fmt: skip


def test_an_older_version_has_to_be_meant(town: Town) -> None:
    town.apply({"digits": Release(stable=2)}, 0)
    with pytest.raises(InputError, match="--force-older"):
        run(town, Wish(model="digits", version=1, waive=WAIVED))


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["promoted", "promoted"], 0),
        (["promoted", "interrupted"], 130),
        (["interrupted", "held"], 11),
        (["asks", "rolled back"], 10),
        (["rolled back", "rollback failed"], 12),
    ],
)
def test_the_exit_code_of_several_is_that_of_the_worst(outcomes: list[str], code: int) -> None:
    results = [
        Result(model="digits", ended=Ended(outcome=each, weight=0, reason=""))  # type: ignore[arg-type]
        for each in outcomes
    ]
    assert exit_code(results) == code


def test_what_fails_for_one_of_several_is_told_beside_what_became_of_the_others(
    town: Town,
) -> None:
    interrupted(town)
    town.failing = lambda changes: "quota exceeded" if "digits" in changes else ""
    wishes = [Wish(model="digits", version=3, waive=WAIVED), Wish(model="words", version=2)]
    digits, words = run(town, *wishes)
    assert "could not be taken out" in digits.problem
    assert words.ended is not None
    assert words.ended.outcome == "promoted"
    assert exit_code([digits, words]) == 1


def test_a_configuration_that_changes_meanwhile_is_asked_about(town: Town) -> None:
    def edit(model: str, number: int) -> None:
        town.config = "sha256:2e" if number >= 3 else town.config

    town.at_window = edit
    before: Mapping[str, Release] = {}
    results = run(town)
    assert outcome(results) == "asks"
    assert "the configuration was changed" in str(results[0].ended)
    before = dict(town.table)
    assert outcome(resume(town.setting, ["digits"])) == "asks"
    assert town.table == before


def test_publishing_another_version_meanwhile_is_no_change(town: Town) -> None:
    def publish(model: str, number: int) -> None:
        contract = town.models["digits"]
        versions = {**contract.versions, 4: contract.versions[3]}
        town.models["digits"] = contract.model_copy(update={"versions": versions})

    town.at_window = publish
    assert outcome(run(town)) == "promoted"


def test_an_edited_promise_is_a_change(town: Town) -> None:
    def edit(model: str, number: int) -> None:
        contract = town.models["digits"]
        slo = contract.slo.model_copy(update={"p99_ms": 500.0})
        town.models["digits"] = contract.model_copy(update={"slo": slo})

    town.at_window = edit
    assert outcome(run(town)) == "asks"


def test_little_traffic_begins_with_a_higher_first_step_and_says_so(town: Town) -> None:
    town.rps = 1
    rollout = town.models["digits"].rollout.model_copy(
        update={"steps": (5, 10, 25, 50, 95), "gates": frozenset(("errors",))}
    )
    town.models["digits"] = town.models["digits"].model_copy(update={"rollout": rollout})
    release = town.table["digits"]
    made = ready(town.ground, Wish(model="digits", version=2), town.setting.person, release)
    assert made.started.plan.steps[0] > 5
    assert "do not decide a first step of 5 %" in made.notices[-1]


def test_a_sick_stable_is_named_with_its_reason_and_need_not_be_beaten(town: Town) -> None:
    wish = Wish(model="digits", version=2, stable_degraded="disk full, ticket 12")
    made = ready(town.ground, wish, town.setting.person, town.table["digits"])
    assert made.started.rules.stable_degraded
    assert [(each.what, each.reason) for each in made.waived] == [
        ("stable is well", "disk full, ticket 12")
    ]


def test_mirrored_requests_come_first_where_the_contract_says_so(town: Town) -> None:
    rollout = town.models["digits"].rollout.model_copy(update={"shadow_percent": 20})
    town.models["digits"] = town.models["digits"].model_copy(update={"rollout": rollout})
    validated: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            PrometheusMetrics, "validate", lambda self, subject: validated.append(subject.mirrored)
        )
        assert outcome(run(town)) == "promoted"
    assert validated == [False, True]
    seen = [each.body for _, each in town.records if isinstance(each.body, Observed)]
    assert seen[0].window.weight == 0


def test_a_version_that_breaks_callers_of_stable_is_refused(town: Town) -> None:
    ground = replace(town.ground, published=lambda _, version: taking(8 if version == 2 else 16))
    wish = Wish(model="digits", version=2)
    with pytest.raises(InputError) as refused:
        ready(ground, wish, town.setting.person, town.table["digits"])
    assert str(refused.value) == (
        "model digits: version 2 breaks callers of stable version 1: "
        "runtime.models.digits.max_batch_size: was lowered from 16 to 8; larger requests are "
        "refused; publish it as a model of another name, which has its own route"
    )


def test_who_goes_back_is_told_what_callers_will_miss(town: Town) -> None:
    ground = replace(town.ground, published=lambda _, version: taking(8 if version == 1 else 16))
    wish = Wish(model="digits", version=1, older=True)
    made = ready(ground, wish, town.setting.person, Release(stable=2))
    assert "version 1 breaks callers of stable version 2: runtime." in made.notices[-1]


def taking(largest: int) -> ModelContract:
    document = model().model_copy(update={"versions": {}}).model_dump(mode="json")
    document["runtime"]["models"]["digits"]["max_batch_size"] = largest
    return ModelContract.model_validate_json(json.dumps(document))
