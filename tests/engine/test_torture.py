"""A small part of the torture; `make torture` is the whole."""

from __future__ import annotations

import pytest

from benchmarks.torture.crashes import crash
from benchmarks.torture.ledger import Ledger
from benchmarks.torture.pairs import pairs
from benchmarks.torture.pauses import paused
from benchmarks.torture.points import Point, Site, Victim, Where, stories
from benchmarks.torture.saves import Saves
from benchmarks.torture.workshop import Workshop
from serving.promotion.phases import Phase

pytestmark = pytest.mark.engine

PROMOTION = stories((50,))[0]
DEPLOY = Site(action=Phase.DEPLOY)
SHIFT = Site(action=Phase.SHIFT, weight=50)


@pytest.fixture(scope="module")
def saves(tmp_path_factory: pytest.TempPathFactory) -> Saves:
    folder = tmp_path_factory.mktemp("torture")
    return Saves(shop=Workshop(folder=folder / "work"), folder=folder / "saves")


@pytest.mark.parametrize("victim", [Victim.ENGINE, Victim.BOTH])
def test_killed_in_the_creation_of_the_canary_it_ends_as_if_left_alone(
    saves: Saves, victim: Victim
) -> None:
    operation, where = DEPLOY.operations[0], Where.DONE
    point = Point(story=PROMOTION, site=DEPLOY, where=where, operation=operation, victim=victim)
    result = crash(saves, point)
    assert (result.kills, result.outcome, result.problems) == (1, "promoted", ())


def test_who_was_overtaken_just_before_an_update_changes_nothing_any_more(saves: Saves) -> None:
    result = paused(saves, Point(story=PROMOTION, site=SHIFT, where=Where.UPDATE))
    assert (result.outcome, result.problems) == ("promoted", ())


def test_of_two_promoters_one_works_and_the_other_names_it(
    saves: Saves, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ledger = Ledger(folder=tmp_path_factory.mktemp("ledger"))
    ledger.open(seed=1)
    found = list(pairs(ledger, saves, PROMOTION, 3))
    assert [each.problems for each in found] == [()] * 3
    assert ledger.all("pairs") == found
