"""The verbs that act on a promotion, as people type them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest
from typer.testing import CliRunner, Result

from serving.cli import app
from serving.contract.model import Rollout
from serving.errors import InputError
from serving.promotion.calibrating import Calibrated
from serving.promotion.gate import Rules
from serving.promotion.learnt import Learnt
from serving.promotion.lease import Busy
from serving.promotion.setting import Setting
from serving.settings import Release
from tests.unit.serving.contract.contracts import TICKETS, sound
from tests.unit.serving.promotion.scripted import HARMFUL, Town, model, town

__all__ = ["town"]


@pytest.fixture(autouse=True)
def ground(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the stack `local`, where nobody has to wait for a window."""
    monkeypatch.setattr("serving.ground.ground_of", lambda stack, *tell: town.ground)
    quick = partial(Setting, clock=town.setting.clock)
    monkeypatch.setattr("serving.promotion.setting.Setting", quick)
    monkeypatch.setenv("GITHUB_ACTOR", "kim")
    monkeypatch.setenv("GITHUB_SHA", "0a1b2c3")


def verb(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["promote", *arguments])


def release(town: Town) -> Release:
    return town.table["digits"].model_copy(update={"revision": 0})


def run(*more: str) -> Result:
    return verb("run", "digits=2", "--waive", "one server only", *more)


def test_a_run_shows_lines_where_there_is_no_terminal_and_ends_with_its_outcome(
    town: Town,
) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "digits 2 promoted" in result.stdout
    assert release(town) == Release(stable=2, previous=1)


def test_as_json_each_record_is_a_line(town: Town) -> None:
    town.traffic = {"digits": HARMFUL}
    result = run("--json")
    assert result.exit_code == 10
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert (lines[0]["kind"], lines[-1]["kind"], lines[-1]["outcome"]) == (
        "started",
        "ended",
        "rolled back",
    )


def test_notices_are_told_apart_from_what_is_machine_readable(town: Town) -> None:
    town.traffic = {"digits": HARMFUL}
    result = verb("run", "digits", "--version", "2", "--json")
    assert result.exit_code == 11
    assert "notice: model digits: it was never calibrated" in result.stderr
    assert all(json.loads(line) for line in result.stdout.splitlines())


def test_what_is_stable_already_is_said(town: Town) -> None:
    result = verb("run", "digits=1")
    assert (result.exit_code, result.stdout) == (0, "digits: version 1 is stable already\n")
    assert json.loads(verb("run", "digits=1", "--json").stdout)["outcome"] == "done"


@pytest.mark.parametrize("what", [["digits"], ["digits=0"], ["digits=x"], ["a=1", "--version=2"]])
def test_a_version_that_is_none_is_bad_input(what: list[str]) -> None:
    error = verb("run", *what).exception
    assert isinstance(error, InputError)
    assert "expected MODEL=VERSION" in str(error)


def test_a_model_that_is_being_promoted_is_busy(town: Town) -> None:
    with town.setting.lease("digits", "promoting version 3 of digits"):
        error = run().exception
    assert isinstance(error, Busy)
    assert error.exit_code == 75
    assert "promoting version 3 of digits is being done by kim" in str(error)


def interrupted(town: Town) -> None:
    import os
    import signal

    def stop(model: str, number: int) -> None:
        if number == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    town.at_window = stop
    assert run().exit_code == 130
    town.at_window = lambda model, number: None


def test_a_signal_stops_at_a_safe_point_and_resume_goes_on(town: Town) -> None:
    interrupted(town)
    result = verb("resume", "digits")
    assert (result.exit_code, release(town)) == (0, Release(stable=2, previous=1))
    assert isinstance(verb("resume", "digits").exception, InputError)


def test_watching_shows_what_another_process_did_and_ends_as_it_did(town: Town) -> None:
    interrupted(town)
    assert verb("watch", "digits").exit_code == 130
    verb("abort", "digits", "--reason", "callers complain")
    result = verb("watch", "digits", "--json")
    assert result.exit_code == 10
    assert json.loads(result.stdout.splitlines()[-1])["reason"] == "aborted: kim: callers complain"
    assert isinstance(verb("watch", "words").exception, InputError)


def test_status_and_history_are_of_the_stack(town: Town) -> None:
    run()
    assert json.loads(verb("status", "digits", "--json").stdout)["outcome"] == "promoted"
    (row,) = json.loads(verb("history", "--json").stdout)
    assert (row["model"], row["outcome"]) == ("digits", "promoted")


def test_an_abort_says_how_it_ended(town: Town) -> None:
    interrupted(town)
    result = verb("abort", "digits", "--reason", "callers complain")
    assert (result.exit_code, release(town)) == (0, Release(stable=1))
    assert "callers complain" in result.stdout
    assert verb("abort", "digits").exit_code == 2, "a reason is asked for"


def test_an_abort_that_cannot_remove_the_canary_takes_its_traffic_all_the_same(town: Town) -> None:
    interrupted(town)
    town.failing = lambda changes: "quota exceeded"
    assert verb("abort", "digits", "--reason", "callers complain").exit_code == 12
    assert town.split["digits"] == {1: 100}


def test_an_approval_goes_on_or_says_what_it_takes(town: Town) -> None:
    town.traffic = {"digits": HARMFUL}
    assert verb("run", "digits=2").exit_code == 11
    refused = verb("approve", "digits", "--reason", "looks fine").exception
    assert isinstance(refused, InputError)
    assert "--override" in str(refused)
    result = verb("approve", "digits", "--override", "--reason", "the errors are ours")
    assert result.exit_code == 11
    assert "overridden by kim: the errors are ours" in result.stdout


def test_what_is_kept_warm_is_retired(town: Town) -> None:
    run()
    result = verb("retire", "digits", "--json")
    assert json.loads(result.stdout) == {"model": "digits", "version": 1, "retired": True}
    assert release(town) == Release(stable=2)
    assert isinstance(verb("retire", "digits").exception, InputError)
    refused = verb("retire", "digits", "--model").exception
    assert isinstance(refused, InputError)
    assert "requests in the last" in str(refused)
    town.rps = 0
    assert verb("retire", "digits", "--model").stdout == "digits: the model is gone\n"


def test_a_plan_tells_what_to_expect(town: Town) -> None:
    result = verb("plan", "digits=2")
    assert result.exit_code == 0, result.output
    assert "steps     5, 10, 50 %, each watched for 15 s at least" in result.stdout
    assert "traffic   60 requests/s, 0.00% errors" in result.stdout
    assert "100 %     after about " in result.stdout
    assert "  5% bad  rolled back after about " in result.stdout
    assert "not calibrated, nothing waived" in result.stdout
    assert town.updates == []
    (found,) = json.loads(verb("plan", "digits=2", "--json").stdout)
    assert (found["decidable"], found["armed"], found["steps"][0]) == (True, False, 5)
    assert list(found["regressions"]) == ["0.01", "0.02", "0.05", "0.2"]


def test_a_plan_tells_how_many_wrong_answers_end_it(town: Town) -> None:
    rollout = Rollout(steps=(5, 50), min_step_seconds=15)
    town.models["digits"] = model("digits").model_copy(update={"rollout": rollout})
    asked = json.loads(verb("plan", "digits=2", "--json").stdout)[0]["golden"]
    assert asked["asked"] < asked["wrong_for_rollback"]
    said = verb("plan", "digits=2").stdout
    assert f"answers   {asked['asked']} golden ones a window; before the first request" in said
    assert f"too few to end it alone ({asked['wrong_for_rollback']} would do)" in said


def test_a_plan_that_the_traffic_cannot_decide_is_shown_and_fails(town: Town) -> None:
    town.rps = 0
    result = verb("plan", "digits=2")
    assert result.exit_code == 2
    assert "100 %     not reached: undecided after " in result.stdout


def test_a_plan_of_a_first_release_or_of_nothing(town: Town) -> None:
    assert verb("plan", "digits=1").stdout == "digits: version 1 is stable already\n"
    town.table = {}
    error = verb("plan", "digits=1").exception
    assert isinstance(error, InputError)
    assert "tested under load with the contract's own requests" in str(error)


def test_a_plan_names_what_comes_before_the_first_user(town: Town) -> None:
    assert "  first " not in verb("plan", "digits=2").stdout
    text, rollout = sound(TICKETS), model("digits").rollout
    rollout = rollout.model_copy(update={"evaluation": text.rollout.evaluation, "load_test": True})
    town.models["digits"] = model("digits").model_copy(
        update={"runtime": text.runtime, "rollout": rollout}
    )
    assert (
        "  first     golden requests, then an evaluation of 2 answers by judge-large, mean grade 4 "
        "at least, then a load test against the SLO\n"
    ) in verb("plan", "digits=2").stdout
    (found,) = json.loads(verb("plan", "digits=2", "--json").stdout)
    assert (found["evaluated_first"], found["load_tested_first"]) == (True, True)


def calibration(trials: int) -> Calibrated:
    learnt = Learnt(
        rules=Rules(dispersion={"errors": 1.25}, witnesses="split"),
        trials=trials,
        rollbacks=0,
        engine="e",
        promise="p",
        at="2026-01-02T12:00:00+00:00",
        unmeasured=("p99", "p50"),
    )
    return Calibrated(
        learnt=learnt,
        version=1,
        windows=6 * trials,
        trial_windows=6,
        false_rollback=0.01,
        where="leases/digits/calibration.json",
    )


@pytest.mark.parametrize(("trials", "code", "said"), [(400, 0, "rolls back by itself"),
                                                      (100, 11, "not armed")])  # fmt: skip
def test_calibrating_prints_the_rate_and_its_bound(
    monkeypatch: pytest.MonkeyPatch, trials: int, code: int, said: str
) -> None:
    result = calibration(trials)
    monkeypatch.setattr("serving.promotion.calibrating.calibrated", lambda *what: replace(result))
    told = verb("calibrate", "digits", "--hours", "24")
    assert told.exit_code == code
    assert f"false rollbacks  0 of {trials}; with 97.5 % confidence at most" in told.stdout
    assert said in told.stdout
    assert "not measured     p99, p50" in told.stdout
    found = json.loads(verb("calibrate", "digits", "--json").stdout)
    assert (found["trials"], found["armed"]) == (trials, code == 0)


VERBS = ("plan", "run", "watch", "resume", "abort", "approve", "retire", "calibrate")


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_shows_an_example_and_its_exit_codes(name: str) -> None:
    shown = verb(name, "--help").stdout
    assert f"Example: serving promote {name} digits" in shown
    assert "Exit codes: 0 " in shown
