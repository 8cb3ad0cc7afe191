"""Requests of the load beside the promotions that went on meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serving.demo.counting import Played, points, promotion, totals
from serving.demo.scenario import SCENARIO, Act
from serving.demo.story import Story
from serving.load import Load, Request
from tests.unit.serving.load.requests import ERROR, LOST, RIGHT, WRONG

BEGAN = 1000.0
KILLED = SCENARIO[0]


def story(**changed: object) -> Story:
    """From second 10 to 40 of the load; 10 % from 15 to 30."""
    values = {
        "began": BEGAN + 10,
        "at": BEGAN + 40,
        "stable": 1,
        "weight": 0,
        "weights": [(BEGAN + 10, 0), (BEGAN + 15, 10), (BEGAN + 30, 0)],
        "outcome": "rolled back",
        "reason": "worse than stable",
        "gate": "errors",
    }
    return Story(**(values | changed))  # type: ignore[arg-type]


def counted(act: Act, told: Story, *requests: Request):  # type: ignore[no-untyped-def]
    load = Load(began=BEGAN, requests=requests)
    return promotion(Played(act=act, story=told, journal="j"), load)


def test_only_what_the_version_answered_meanwhile_was_exposed() -> None:
    found = counted(
        replace(KILLED, disturbance=None),
        story(),
        replace(RIGHT, due=20.0, version=2),
        replace(ERROR, due=20.0, version=2),
        replace(WRONG, due=21.0, version=2),
        replace(WRONG, due=21.0, version=1),
        replace(RIGHT, due=5.0, version=2),
        replace(RIGHT, due=41.0, version=2),
        replace(RIGHT, due=20.0, version=2, model="tickets"),
    )
    assert (found.exposed, found.bad, found.lost) == (3, 2, 0)
    assert (found.began, found.ended, found.seconds) == (10, 40, 30)
    assert found.weights == [(10, 0), (15, 10), (30, 0)]


@pytest.mark.parametrize(
    ("request_", "counts"),
    [
        (replace(LOST, due=19.0), (1, 0)),
        (replace(LOST, due=19.9, ms=500.0), (0, 1)),
        (replace(LOST, due=20.5), (0, 1)),
        (replace(LOST, due=30.5), (0, 1)),
        (replace(LOST, due=31.5), (1, 0)),
        (replace(LOST, due=20.5, model="tickets"), (1, 0)),
    ],
    ids=["before", "on its way", "after", "just routed", "after the weight", "another model"],
)
def test_the_kill_answers_for_what_could_reach_the_killed_server(
    request_: Request, counts: tuple[int, int]
) -> None:
    told = story(events=[(BEGAN + 20, "server killed")])
    found = counted(KILLED, told, request_)
    assert (found.lost, found.lost_to_kill) == counts


def test_a_killed_promoter_is_no_excuse() -> None:
    told = story(events=[(BEGAN + 20, "promoter killed")])
    assert counted(SCENARIO[1], told, replace(LOST, due=20.5)).lost == 1


def test_points_and_totals_agree() -> None:
    load = Load(
        began=BEGAN,
        requests=[RIGHT, WRONG, ERROR, LOST, replace(RIGHT, due=9.0, protocol="grpc")],
    )
    found = points(load)
    assert [(point.at, point.version, point.requests) for point in found] == [
        (0.0, 1, 2),
        (0.0, 2, 1),
        (0.0, None, 1),
        (8.0, 1, 1),
    ]
    summed = {total.version: total for total in totals(load)}
    assert sum(total.requests for total in summed.values()) == sum(p.requests for p in found)
    assert (summed[1].wrong, summed[2].errors, summed[None].lost) == (1, 1, 1)
    assert (summed[1].http, summed[1].grpc) == (2, 1)
    assert summed[None].p50_ms is None
