"""Promotions in a checkout that asks for commits: one commit a step, whatever becomes of git."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from serving.cli import app
from serving.errors import ServingError
from serving.promotion import checkout
from serving.promotion.asking import abort
from serving.promotion.candidate import PublishedCandidate
from serving.promotion.commits import PATIENCE_SECONDS, WHERE, Commits
from serving.promotion.journal import records
from serving.promotion.place import stores_in
from serving.promotion.promoting import promote, resume
from serving.promotion.ready import Wish
from serving.promotion.record import Decided, Effect, Ended, Record, Undelivered
from serving.promotion.replay import replay
from serving.promotion.retiring import retire
from serving.promotion.setting import Commit, Setting
from serving.promotion.stack import Changes, Still, always
from serving.promotion.table import with_table
from serving.settings import Release
from tests.unit.serving.promotion.repositories import FILE, WRITTEN, Clone, place_in, settings
from tests.unit.serving.promotion.scripted import HARMFUL, Town, town

__all__ = ["town"]

STEPS = ("5 % (was 0 %)", "10 % (was 5 %)", "50 % (was 10 %)", "100 % (was 50 %)")
PROMOTED = ["Start digits 2 at 0 %", *(f"Promote digits 2 to {step}" for step in STEPS)]
BEGUN = PROMOTED[:3]
RUN = ("run", "digits=2", "--waive", "a test")


class Written:
    """The town's stack, whose file is written as the engine does."""

    def __init__(self, town: Town, clone: Clone) -> None:
        self._town = town
        self._clone = clone

    def deployed(self) -> Mapping[str, Release]:
        return self._town.deployed()

    def locked_by(self) -> str:
        return ""

    def apply(self, changes: Changes, patience: float, still: Still = always) -> None:
        self._town.apply(changes, patience, still)
        text = self._clone.file.read_text(encoding="utf-8")
        self._clone.write(FILE, with_table(text, self._town.deployed()))


@pytest.fixture
def clone(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    settings(tmp_path, monkeypatch)
    monkeypatch.setattr(checkout, "PAUSE_SECONDS", 0.0)
    place = place_in(tmp_path, {FILE: with_table(WRITTEN, town.table), "README.md": "hello\n"})
    return place.clone("mine")


def setting(town: Town, clone: Clone, commit: Commit | None = "push") -> Setting:
    ground = replace(town.ground, stack=Written(town, clone), file=clone.file)
    return replace(town.setting, ground=ground, commit=commit)


def run(town: Town, clone: Clone, *models: str, commit: Commit | None = "push") -> list[str]:
    """How they ended."""
    wishes = [Wish(model=each, version=2, waive="a test") for each in models or ("digits",)]
    results = promote(setting(town, clone, commit), wishes)
    return [each.ended.outcome for each in results if each.ended]


def recorded(town: Town, model: str = "digits") -> list[Record]:
    *_, store = stores_in(town.ground.journals, model)
    return list(records(store))


def undelivered(town: Town) -> list[str]:
    bodies = [each.body for each in recorded(town)]
    return [body.problem for body in bodies if isinstance(body, Undelivered) and body.to == WHERE]


def pushed(clone: Clone) -> list[str]:
    clone.git("fetch", "--quiet")
    return clone.subjects("origin/main")[1:]


def test_each_step_is_one_commit_with_its_reason_and_its_journal(town: Town, clone: Clone) -> None:
    assert run(town, clone) == ["promoted"]
    assert clone.subjects()[1:] == PROMOTED == pushed(clone)
    *_, store = stores_in(town.ground.journals, "digits")
    bodies = clone.git("log", "--reverse", "--format=%b%x00").split("\0")[1:-1]
    assert [body.splitlines()[-1] for body in bodies] == [f"Journal: {store.where}"] * 5
    assert "started by kim" in bodies[0]
    assert bodies[1].startswith("\nsafe at 0 %, on to 5 %\n")
    assert undelivered(town) == []
    assert clone.git("status", "--porcelain") == ""


def test_a_rollback_is_committed_with_what_it_is_for(town: Town, clone: Clone) -> None:
    town.traffic = {"digits": HARMFUL}
    assert run(town, clone) == ["rolled back"]
    back, removed = pushed(clone)[-2:]
    assert back.startswith("Take digits 2 back to 0 % (was ")
    assert removed == "Remove digits 2"
    *_, ended = [each.body for each in recorded(town) if isinstance(each.body, Ended)]
    assert ended.reason in clone.git("log", "-1", "--format=%b", "HEAD^")
    assert clone.table()["digits"].model_copy(update={"revision": 0}) == Release(stable=1)


def test_what_never_came_into_force_is_not_committed(town: Town, clone: Clone) -> None:
    town.failing = lambda changes: "digits-2 ended at once" if _starts(changes) else ""
    assert run(town, clone) == ["rolled back"]
    assert clone.subjects() == ["Begin"]


def test_a_version_that_is_not_fit_says_so_in_the_history(
    town: Town, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warm_up(self: object) -> None:
        raise ServingError("digits does not answer\n  log: 12 lines")

    monkeypatch.setattr(PublishedCandidate, "warm_up", warm_up)
    assert run(town, clone) == ["rolled back"]
    assert pushed(clone) == ["Start digits 2 at 0 %", "Remove digits 2"]
    assert clone.git("log", "-1", "--format=%b").startswith("warm up: digits does not answer\n\n")


def _starts(changes: Changes) -> bool:
    return any(release is not None and release.canary == 2 for release in changes.values())


def test_nobody_who_did_not_ask_gets_commits(town: Town, clone: Clone) -> None:
    assert run(town, clone, commit=None) == ["promoted"]
    assert clone.subjects() == ["Begin"]
    assert clone.git("status", "--porcelain") == f" M {FILE}"


def test_locally_leaves_the_upstream_alone(town: Town, clone: Clone) -> None:
    assert run(town, clone, commit="locally") == ["promoted"]
    assert (clone.subjects()[1:], pushed(clone)) == (PROMOTED, [])


def decided(town: Town) -> list[object]:
    """And done."""
    bodies = [each.body for each in recorded(town)]
    return [
        (body.decision.verdict, body.decision.weight) if isinstance(body, Decided) else body
        for body in bodies
        if isinstance(body, Decided | Effect)
    ]


def test_a_rollback_goes_the_same_way_where_the_remote_is_gone(
    town: Town, clone: Clone, tmp_path: Path
) -> None:
    town.traffic = {"digits": HARMFUL}
    assert run(town, clone, commit=None) == ["rolled back"]
    without = decided(town)
    town.windows.clear()
    clone.git("checkout", "--quiet", FILE)
    (tmp_path / "origin.git").rename(tmp_path / "away.git")
    assert run(town, clone) == ["rolled back"]
    assert decided(town) == without
    assert clone.subjects()[-1] == "Remove digits 2"
    (problem,) = undelivered(town)
    assert "does not appear to be a git repository" in problem
    assert replay(recorded(town)).difference is None
    assert isinstance(recorded(town)[-1].body, Ended)


def test_a_rollback_does_not_wait_for_git(
    town: Town, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever git does lasts until the rollback is done and confirmed."""
    town.traffic = {"digits": HARMFUL}
    removed = threading.Event()
    waited: list[bool] = []
    push = checkout.Checkout.push

    def slow(self: checkout.Checkout) -> None:
        waited.append(removed.wait(30))
        push(self)

    monkeypatch.setattr(checkout.Checkout, "push", slow)

    def at_the_end(record: Record) -> None:
        if isinstance(record.body, Ended):
            removed.set()

    made = setting(town, clone)
    made = replace(made, heard=lambda course, record: at_the_end(record))
    (result,) = promote(made, [Wish(model="digits", version=2, waive="a test")])
    assert result.ended is not None
    assert result.ended.outcome == "rolled back"
    assert all(waited)
    assert clone.subjects()[1:] == pushed(clone)
    assert clone.subjects()[-1] == "Remove digits 2"


def test_a_checkout_without_git_is_told_of_once(
    town: Town, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (clone.folder / ".git").rename(tmp_path / "gone")
    assert run(town, clone) == ["promoted"]
    (problem,) = undelivered(town)
    assert problem == f"{clone.folder} is in no git repository"


def test_two_models_of_one_update_are_one_commit(
    town: Town, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.promotion.setting.GATHER_SECONDS", 0.5)
    assert run(town, clone, "digits", "words") == ["promoted", "promoted"]
    both = [each for each in pushed(clone) if "digits" in each and "words" in each]
    assert both, "nothing fell together"
    message = clone.git("log", "-1", "--format=%B", f"--grep={both[0]}", "--fixed-strings")
    assert message.count("Journal: ") == 2
    assert len(pushed(clone)) == len(town.updates)


def interrupted(town: Town, clone: Clone, commit: Commit | None) -> None:
    """At 10 %."""

    def stop(model: str, number: int) -> None:
        if town.deployed()["digits"].weight == 10:
            town.stop.set()

    town.at_window = stop
    assert run(town, clone, commit=commit) == ["interrupted"]
    town.stop.clear()
    town.at_window = lambda model, number: None


def test_what_a_killed_promotion_did_not_commit_goes_with_the_resumed_one(
    town: Town, clone: Clone
) -> None:
    interrupted(town, clone, None)
    assert clone.subjects() == ["Begin"]

    def caught_up(model: str, number: int) -> None:
        """The town's time is much faster than git."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while clone.subjects() == ["Begin"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    town.at_window = caught_up
    (result,) = resume(setting(town, clone), ["digits"])
    assert result.ended is not None
    assert result.ended.outcome == "promoted"
    assert pushed(clone)[0] == "Start digits 2 at 10 %"
    assert "\nJournal: " in clone.git("show", "-s", "--format=%B", "HEAD~2")
    assert pushed(clone)[1:] == PROMOTED[3:]


def test_what_was_not_pushed_is_with_the_next_step(
    town: Town, clone: Clone, tmp_path: Path
) -> None:
    away = (tmp_path / "origin.git").rename(tmp_path / "away.git")
    interrupted(town, clone, "push")
    assert len(undelivered(town)) == 1
    away.rename(tmp_path / "origin.git")
    resume(setting(town, clone), ["digits"])
    assert pushed(clone) == PROMOTED


def test_an_abort_is_committed_by_who_does_it(town: Town, clone: Clone) -> None:
    interrupted(town, clone, "push")
    ended = abort(setting(town, clone), "digits", "callers complain")
    assert ended is not None
    assert ended.outcome == "rolled back"
    assert pushed(clone) == [*BEGUN, "Take digits 2 back to 0 % (was 10 %)", "Remove digits 2"]
    assert "callers complain" in clone.git("log", "-1", "--format=%b")


def test_a_retired_version_is_committed(town: Town, clone: Clone) -> None:
    run(town, clone)
    made = setting(town, clone)
    retire(made, "digits")
    assert made.commits is not None
    assert made.commits.problems("digits", last=True) == []
    assert pushed(clone) == [*PROMOTED, "Remove digits 1"]


def test_a_change_that_failed_is_not_committed(town: Town, clone: Clone) -> None:
    """Who checks it out would bring it into force."""
    town.failing = lambda changes: "quota" if changes["digits"] == at_10() else ""
    assert run(town, clone) == ["held"]
    assert pushed(clone) == BEGUN[:2]


def at_10() -> Release:
    return Release(stable=1, canary=2, weight=10)


@pytest.fixture
def command(town: Town, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`serving promote …` on that ground."""
    made, clock = setting(town, clone).ground, town.setting.clock
    monkeypatch.setattr("serving.ground.ground_of", lambda stack, *tell: made)
    monkeypatch.setattr("serving.promotion.setting.Setting", partial(Setting, clock=clock))
    return lambda *words: CliRunner().invoke(app, ["promote", *words])


def test_a_flag_asks_for_commits(clone: Clone, command: Callable[..., Result]) -> None:
    result = command(*RUN, "--commit", "locally")
    assert result.exit_code == 0, result.output
    assert (clone.subjects()[1:], pushed(clone)) == (PROMOTED, [])


def test_a_variable_asks_for_them_in_all_of_a_job(
    clone: Clone, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVING_COMMIT", "push")
    assert command(*RUN).exit_code == 0
    assert command("retire", "digits").exit_code == 0
    assert command("run", "digits=3", "--waive", "a test").exit_code == 0
    assert command("abort", "digits", "--reason", "callers complain").exit_code == 0
    assert pushed(clone)[: len(PROMOTED) + 2] == [
        *PROMOTED, "Remove digits 1", "Start digits 3 at 0 %",
    ]  # fmt: skip
    assert pushed(clone)[-2:] == ["Take digits 3 back to 0 % (was 100 %)", "Remove digits 3"]


def test_what_git_does_not_have_is_told(
    clone: Clone, command: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "origin.git").rename(tmp_path / "away.git")
    ran = command(*RUN, "--commit", "push")
    assert ran.exit_code == 0
    assert "not delivered: to git: `git push`: " in ran.stdout
    retired = command("retire", "digits", "--commit", "push")
    assert retired.exit_code == 0
    assert "notice: git does not have it: `git push`: " in retired.stderr


def test_a_defect_of_ours_is_told_like_any_problem(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: checkout.Checkout, *what: object) -> None:
        raise TypeError("no such thing")

    monkeypatch.setattr(checkout.Checkout, "commit", broken)
    commits = Commits(clone.checkout, push=False)
    commits.applied()
    (problem,) = commits.problems("digits", last=True)
    assert problem.problem == "TypeError: no such thing"


def test_a_file_that_cannot_be_read_is_told(clone: Clone) -> None:
    clone.file.unlink()
    commits = Commits(clone.checkout, push=False)
    commits.applied()
    (problem,) = commits.problems("digits", last=True)
    assert "cannot be read" in problem.problem
