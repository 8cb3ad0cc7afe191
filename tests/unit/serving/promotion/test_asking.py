"""What people ask of a promotion, of one that runs and of one that nobody runs."""

from __future__ import annotations

import threading

import pytest

from serving.errors import InputError
from serving.promotion.asking import abort, approve
from serving.promotion.asks import Ask, asks_at
from serving.promotion.decision import Verdict
from serving.promotion.journal import records
from serving.promotion.latest import Latest, latest
from serving.promotion.promoting import promote, resume
from serving.promotion.ready import Wish
from serving.promotion.record import Decided, Intent
from serving.promotion.replay import replay
from serving.settings import Release
from tests.unit.serving.promotion.scripted import HARMFUL, Town, town
from tests.unit.serving.promotion.test_promoting import interrupted, release, run

__all__ = ["town"]


def last(town: Town) -> Latest:
    found = latest(town.ground.journals, "digits")
    assert found is not None
    return found


def decisions(town: Town) -> list[Decided]:
    return [each.body for _, each in town.records if isinstance(each.body, Decided)]


def test_a_running_promotion_takes_an_abort_up_without_waiting_for_its_window(town: Town) -> None:
    ended: list[object] = []

    def ask(model: str, number: int) -> None:
        if number == 3:
            asking = threading.Thread(
                target=lambda: ended.append(abort(town.setting, "digits", "callers complain"))
            )
            asking.start()
            asks = asks_at(town.ground.leases, "digits")
            while not asks.waiting(2):
                pass

    town.at_window = ask
    (result,) = run(town)
    assert result.ended is not None
    assert (result.ended.outcome, result.ended.reason) == (
        "rolled back",
        "aborted: kim: callers complain",
    )
    assert release(town) == Release(stable=1)
    said = decisions(town)[-1]
    assert (said.decision.verdict, said.facts.abort) == (
        Verdict.ROLLBACK,
        "kim: callers complain",
    )


def test_a_promotion_that_nobody_runs_is_aborted_at_once(town: Town) -> None:
    interrupted(town)
    windows = dict(town.windows)
    ended = abort(town.setting, "digits", "callers complain")
    assert ended is not None
    assert ended.outcome == "rolled back"
    assert town.windows == windows, "no further window is waited for"
    assert release(town) == Release(stable=1)
    assert town.drained == [("digits", 2, 0)]
    assert replay(records(last(town).store)).difference is None
    assert not asks_at(town.ground.leases, "digits").waiting(2)


def test_an_abort_is_remembered_when_it_is_interrupted(town: Town) -> None:
    interrupted(town)
    town.failing = lambda changes: "quota exceeded"
    ended = abort(town.setting, "digits", "callers complain")
    assert ended is not None
    assert ended.outcome == "rollback failed"
    assert town.split["digits"] == {1: 100}, "the route was changed directly"
    town.failing = lambda changes: ""
    (result,) = resume(town.setting, ["digits"])
    assert result.ended is not None
    assert (result.ended.outcome, release(town)) == ("rolled back", Release(stable=1))


def test_before_it_was_deployed_an_abort_removes_nothing_that_was_there(town: Town) -> None:
    town.failing = lambda changes: "quota exceeded"
    assert run(town)[0].ended is not None
    town.failing = lambda changes: ""
    ended = abort(town.setting, "digits", "not today")
    assert ended is not None
    assert (ended.outcome, release(town)) == ("rolled back", Release(stable=1))


def test_what_was_promoted_is_reverted_while_the_version_before_is_warm(town: Town) -> None:
    run(town)
    ended = abort(town.setting, "digits", "callers complain")
    assert ended is not None
    assert (ended.outcome, release(town)) == ("rolled back", Release(stable=1))
    moved = [each.body.weight for _, each in town.records if isinstance(each.body, Intent)]
    assert [weight for weight in moved if weight is not None][-2:] == [100, 0]
    with pytest.raises(InputError, match="has ended, rolled back"):
        abort(town.setting, "digits", "again")


def test_what_is_not_warm_any_more_is_not_reverted(town: Town) -> None:
    run(town)
    town.apply({"digits": Release(stable=2)}, 0)
    with pytest.raises(InputError, match="not kept warm any more"):
        abort(town.setting, "digits", "callers complain")


def test_without_a_promotion_there_is_nothing_to_abort(town: Town) -> None:
    with pytest.raises(InputError, match="no promotion was recorded"):
        abort(town.setting, "digits", "callers complain")


def asking(town: Town) -> None:
    """Its canary is harmful, and nobody has calibrated: a person is asked."""
    town.traffic = {"digits": HARMFUL}
    (result,) = promote(town.setting, [Wish(model="digits", version=2)])
    assert result.ended is not None
    assert result.ended.outcome == "asks"


def test_where_a_gate_says_no_a_plain_approval_is_refused(town: Town) -> None:
    asking(town)
    with pytest.raises(InputError, match=r"gate errors says no .* says --override"):
        approve(town.setting, "digits", "looks fine")
    assert not asks_at(town.ground.leases, "digits").waiting(2)


def test_an_override_goes_one_step_on_and_evidence_begins_anew(town: Town) -> None:
    asking(town)
    known = len(decisions(town))
    weight = release(town).weight
    ended = approve(town.setting, "digits", "the errors are ours", override=True)
    assert ended is not None
    assert ended.outcome == "asks", "they go on"
    new = decisions(town)[2 * known :]
    advanced = [each for each in new if each.decision.verdict is Verdict.ADVANCE]
    assert [(each.state.weight, each.decision.weight) for each in advanced] == [(weight, 10)]
    assert advanced[0].decision.reason.startswith("overridden by kim: the errors are ours")
    after = new[new.index(advanced[0]) + 1]
    assert after.judgement.harm < advanced[0].judgement.harm
    assert replay(records(last(town).store)).difference is None


def test_a_changed_configuration_is_gone_on_with_once_it_is_accepted(town: Town) -> None:
    def edit(model: str, number: int) -> None:
        town.config = "sha256:2e" if number == 3 else town.config

    town.at_window = edit
    assert run(town)[0].ended is not None
    with pytest.raises(InputError, match="say --config to go on"):
        approve(town.setting, "digits", "meant so")
    ended = approve(town.setting, "digits", "meant so", config=True)
    assert ended is not None
    assert ended.outcome == "promoted"
    said = [each.facts.accepted for each in decisions(town) if each.facts.accepted]
    assert [(each.who, each.reason) for each in said] == [("kim", "meant so")]


def test_what_is_accepted_is_that_configuration_and_no_later_one(town: Town) -> None:
    def edit(model: str, number: int) -> None:
        town.config = {3: "sha256:2e", 6: "sha256:3d"}.get(number, town.config)

    town.at_window = edit
    run(town)
    ended = approve(town.setting, "digits", "meant so", config=True)
    assert ended is not None
    assert ended.outcome == "asks"


def test_a_rollback_does_not_bring_a_changed_configuration_into_force(town: Town) -> None:
    def edit(model: str, number: int) -> None:
        town.config = "sha256:2e" if number == 6 else town.config

    town.at_window = edit
    town.traffic = {"digits": HARMFUL}
    run(town)
    before = len(town.updates)
    ended = abort(town.setting, "digits", "callers complain")
    assert ended is not None
    assert ended.outcome == "rollback failed"
    assert town.split["digits"] == {1: 100}
    assert len(town.updates) == before


def test_what_was_asked_of_an_earlier_promotion_is_not_asked_of_the_next(town: Town) -> None:
    asks_at(town.ground.leases, "digits").add(
        Ask(kind="abort", version=2, who="lee", reason="last week")
    )
    (result,) = run(town)
    assert result.ended is not None
    assert result.ended.outcome == "promoted"
