"""Which points there are, and that they are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.torture.checks import Problem
from benchmarks.torture.kills import fate
from benchmarks.torture.ledger import Ledger, Result, slug
from benchmarks.torture.points import Victim, pausing, points, shuffled, stories
from benchmarks.torture.protocol import BACK, STEPS, compared
from serving.errors import InputError

STORIES = stories()
POINTS = [point for story in STORIES for point in points(story)]
PAUSES = [point for story in STORIES for point in pausing(story)]


@pytest.mark.parametrize("found", [POINTS, PAUSES], ids=["crashes", "pauses"])
def test_no_two_points_share_a_name(found: list[object]) -> None:
    assert len({slug(str(getattr(point, "name", ""))) for point in found}) == len(found)


def test_an_engine_dies_only_where_one_runs() -> None:
    assert {point.victim for point in POINTS if not point.where.in_engine} == {Victim.PROMOTER}
    assert {point.victim for point in POINTS if point.where.in_engine} == set(Victim)


def test_all_points_of_the_design_are_accounted_for() -> None:
    assert sum(step.theirs for step in (*STEPS, *BACK)) == 120
    promotion, *rollbacks = STORIES
    for story in (promotion, *rollbacks):
        steps = STEPS if story is promotion else BACK
        for point in points(story):
            assert sum(step.ours(point) for step in steps) == 1, point.name
    assert f"0 of {len(POINTS)} ran" in compared([])[0]


def test_fate_and_order_are_the_same_for_the_same_seed() -> None:
    assert fate(1, 7, STORIES) == fate(1, 7, STORIES)
    assert shuffled(POINTS, 1) == shuffled(POINTS, 1) != POINTS


def test_results_are_kept_and_those_of_another_seed_refused(tmp_path: Path) -> None:
    ledger = Ledger(folder=tmp_path)
    ledger.open(seed=1)
    problem = Problem(kind="orphan", what="digits-2")
    result = Result(part="crashes", name="promotion / end", problems=(problem,), kills=1)
    ledger.keep(result)
    ledger.open(seed=1)
    assert ledger.find("crashes", "promotion / end") == result
    assert ledger.find("crashes", "promotion / begin") is None
    with pytest.raises(InputError, match="another seed"):
        ledger.open(seed=2)
