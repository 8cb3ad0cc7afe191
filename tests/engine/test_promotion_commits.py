"""Promotions on the real engine, in a checkout of git that asks for commits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from serving.promotion.journal import records
from serving.promotion.place import stores_in
from serving.promotion.promoting import promote
from serving.promotion.record import Undelivered
from serving.promotion.setting import Setting
from tests.engine import small
from tests.engine.conftest import Steps
from tests.engine.test_promotion_stack import place, selected
from tests.engine.test_promotion_together import Counted, Route, setting, wishes
from tests.unit.serving.promotion import repositories
from tests.unit.serving.promotion.repositories import Clone
from tests.unit.serving.promotion.scripted import HARMFUL, Town, town

__all__ = ["place", "town"]

pytestmark = pytest.mark.engine

FILE = f"Pulumi.{small.STACK}.yaml"


@pytest.fixture
def origin(
    place: small.Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> repositories.Place:
    """With the checkout in which the stack was made."""
    repositories.settings(tmp_path, monkeypatch)
    mine = place.checkout("mine")
    files = {name: (mine / name).read_text() for name in ("Pulumi.yaml", FILE)}
    return repositories.place_in(tmp_path, files)


def committing(town: Town, place: small.Place, clone: Clone) -> Setting:
    made = setting(town, Counted(selected(place, clone.folder.name)), Route(place))
    file = clone.folder / FILE
    return replace(made, ground=replace(made.ground, file=file), commit="push")


def run(setting: Setting) -> str:
    (result,) = promote(setting, wishes("digits"))
    assert result.ended is not None
    return result.ended.outcome


def releases(text: str) -> object:
    return yaml.safe_load(text)["config"]["serving:releases"]


def test_each_step_is_a_commit_and_who_checks_it_out_has_nothing_to_change(
    town: Town, place: small.Place, origin: repositories.Place
) -> None:
    assert run(committing(town, place, origin.clone("ci"))) == "promoted"
    clone = origin.clone("later")
    assert clone.subjects()[1:] == [
        "Start digits 2 at 0 %",
        "Promote digits 2 to 5 % (was 0 %)",
        "Promote digits 2 to 50 % (was 5 %)",
        "Promote digits 2 to 100 % (was 50 %)",
    ]
    assert set(clone.git("log", "--format=", "--name-only", "HEAD~4..").splitlines()) == {FILE}
    (journal,) = stores_in(town.ground.journals, "digits")
    assert clone.git("log", "--format=%B").count(f"Journal: {journal.where}") == 4
    exported = selected(place, "later").deployed()["digits"].model_dump(exclude_none=True)
    assert releases(clone.git("show", f"HEAD:{FILE}"))["digits"] == exported  # type: ignore[index]
    steps = Steps()
    place.stack(clone.folder).preview(on_event=steps)
    assert steps.operations
    assert steps.changes() == {}


def test_a_rollback_is_the_same_where_nobody_takes_the_commits(
    town: Town, place: small.Place, origin: repositories.Place
) -> None:
    town.traffic = {"digits": HARMFUL}
    clone = origin.clone("ci")
    origin.origin.rename(place.folder / "away.git")
    assert run(committing(town, place, clone)) == "rolled back"
    assert sorted(place.found()) == ["digits-1", "digits-route", "words-1", "words-route"]
    *_, back, removed = clone.subjects()
    assert (back[:26], removed) == ("Take digits 2 back to 0 % ", "Remove digits 2")
    (journal,) = stores_in(town.ground.journals, "digits")
    (problem,) = [r.body.problem for r in records(journal) if isinstance(r.body, Undelivered)]
    assert problem.startswith("`git push`: ")
    assert "origin.git" in problem
