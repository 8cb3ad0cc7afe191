"""What the demo claims, and when it says that it failed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from serving.demo.facts import FACTS, Promotion, write
from serving.demo.scenario import SCENARIO
from tests.unit.serving.demo.recorded import NOBODY, facts, promotion


def test_a_demo_that_went_as_planned_has_no_problem() -> None:
    assert facts().problems == []


@pytest.mark.parametrize(
    ("number", "changed", "problem"),
    [
        (1, {"outcome": "asks"}, "digits 2 (.*): asks, expected: promoted"),
        (2, {"outcome": "promoted"}, "digits 3 (.*): promoted, expected: rolled back"),
        (3, {"gate": "p99"}, "digits 4 (.*): caught by p99, expected: errors"),
        (3, {"gate": ""}, "digits 4 (.*): caught by no gate, expected: errors"),
        (1, {"lost": 1}, "digits 2 (.*): 1 requests were lost meanwhile"),
    ],
)
def test_what_is_not_as_expected_is_said(
    number: int, changed: dict[str, object], problem: str
) -> None:
    assert re.match(problem, promotion(number, SCENARIO[number], **changed).problem)


def test_requests_that_the_killed_server_cost_are_no_problem() -> None:
    killed = promotion(0, SCENARIO[0], lost_to_kill=40)
    assert killed.problem == ""


def test_requests_lost_between_promotions_are_a_problem() -> None:
    seen = facts()
    more = [replace(t, lost=t.lost + 3) if t is NOBODY else t for t in seen.totals]
    assert replace(seen, totals=more).problems == [
        "3 requests were lost between the promotions",
        "of all that were lost: 2 × no healthy upstream",
    ]


def test_requests_that_were_refused_are_a_problem() -> None:
    seen = facts()
    more = [replace(total, refused=2) if total is NOBODY else total for total in seen.totals]
    assert replace(seen, totals=more).problems == ["the gateway refused 2 requests"]


def test_a_lost_request_is_told_once() -> None:
    seen = facts()
    promotions: list[Promotion] = [replace(seen.promotions[0], lost=1), *seen.promotions[1:]]
    more = [replace(t, lost=t.lost + 1) if t is NOBODY else t for t in seen.totals]
    problem, why = replace(seen, promotions=promotions, totals=more).problems
    assert problem.endswith("1 requests were lost meanwhile")
    assert why == "of all that were lost: 2 × no healthy upstream"


def test_facts_are_written_as_json_and_read_back(tmp_path: Path) -> None:
    write(facts(), tmp_path / "facts.json")
    again = FACTS.validate_json((tmp_path / "facts.json").read_bytes())
    assert again.problems == []
    assert again.requests == facts().requests
    assert [each.version for each in again.promotions] == [act.version for act in SCENARIO]
