from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from serving.promotion.decision import Acceptance, Approval, Facts, Override, Verdict
from serving.promotion.explain import explain
from serving.promotion.history import rows
from serving.promotion.journal import Store, readable, records
from serving.promotion.measurement import Answers, Window
from serving.promotion.place import stores_in
from serving.promotion.record import Decided
from tests.unit.serving.promotion.recorded import (
    Kept,
    Promotion,
    recorded,
    simulated,
    started,
)
from tests.unit.serving.promotion.windows import blind, window


def scripted(*windows: Window) -> list[partial[Window]]:
    return [partial(at_weight, each) for each in windows]


def at_weight(each: Window, weight: int) -> Window:
    return replace(each, weight=weight)


def told(*windows: Window, facts: Facts | None = None) -> str:
    store = Kept()
    said = {len(windows): facts} if facts else {}
    Promotion(store, started(), scripted(*windows), said).run()
    text = explain(records(store))
    assert text is not None
    return text


def line_of(store: Store, verdict: Verdict) -> int:
    return next(
        record.number
        for record in records(store)
        if isinstance(record.body, Decided) and record.body.decision.verdict is verdict
    )


def test_a_rollback_is_told_with_question_counts_evidence_threshold_and_end(
    tmp_path: Path,
) -> None:
    text = explain(records(recorded(tmp_path, simulated(1, 200, errors=0.05, since=20))))
    assert text is not None
    for part in (
        "digits version 2, against version 1; started by kim",
        "rollback, weight 50 → 0 %",
        "(gate errors)",
        "rolls back at 100 to 1",
        "asks whether: the canary's share of errors is no higher than stable's",
        "saw: bad requests: canary 23 of 474, stable 0 of 409; of the canary at this weight: 23",
        "publish a new version",
        "the promotion ended: rolled back at 0 %",
    ):
        assert part in text


def test_an_earlier_decision_is_told_as_it_stood_then(tmp_path: Path) -> None:
    store = recorded(tmp_path, simulated(1, 200, errors=0.05, since=20))
    line = line_of(store, Verdict.ADVANCE)
    text = explain(records(store), line)
    assert text is not None
    assert f"line {line}, 2026-01-02T12:00:15" in text
    assert "advance, weight 0 → 5 %" in text
    assert explain(records(store), line + 1) is None


def test_holding_for_requests_says_how_many_and_how_long() -> None:
    text = told(window(), window(), window())
    assert "hold at 5 %" in text
    assert "more requests to the canary that go as those so far, about " in text
    assert " s at 1 a second" in text


def test_holding_for_time_says_how_much() -> None:
    assert "45 s more of watching" in told(*[window(rps=900)] * 2)


def test_blindness_names_the_query() -> None:
    text = told(window(), window(), blind("HTTP 503"))
    assert 'series-present as it should be (HTTP 503): envoy_requests{version="2"}' in text
    assert "without metrics 15 s" in text


def test_a_weight_set_by_hand_is_what_must_change() -> None:
    text = told(window(), window(), facts=Facts(observed_weight=30))
    assert "the weight back at 5 %, which somebody set to 30 %" in text


def test_asking_names_what_a_person_can_do() -> None:
    odd = replace(window(rps=900), answers=Answers(asked=20, differ=20))
    text = told(*[odd] * 12)
    assert "ask at " in text
    assert "a person who knows better and overrides it, with name and reason" in text
    assert "mirror: no longer that answers differ" in text


def test_an_override_is_told_with_its_name() -> None:
    override = Override(who="kim", reason="ticket 12")
    text = told(window(), window(), facts=Facts(override=override))
    assert "overridden by kim: ticket 12" in text


def test_who_approved_or_accepted_is_told() -> None:
    facts = Facts(
        approvals=(
            Approval(who="kim", reason="meant", gate="mirror"),
            Approval(who="lee", reason="quiet"),
        ),
        accepted=Acceptance(who="lee", reason="meant too", config="sha256:2e"),
    )
    text = told(window(), window(), facts=facts)
    assert "gate mirror approved by kim: meant\none step approved by lee: quiet\n" in text
    assert "the changed configuration accepted by lee: meant too" in text


def test_what_was_killed_is_told_up_to_the_torn_line(tmp_path: Path) -> None:
    store = recorded(tmp_path, simulated(1, 5))
    path = Path(store.where)
    path.write_bytes(path.read_bytes()[:-9])
    warnings: list[str] = []
    assert explain(readable(store, warnings.append)) is not None
    assert [w.partition(" is ")[0] for w in warnings] == [f"{path}: line 15"]


@pytest.fixture
def place(tmp_path: Path) -> str:
    recorded(tmp_path, simulated(1, 200))
    recorded(tmp_path, simulated(1, 3), replace(started(), version=3))
    return str(tmp_path)


def test_history_has_a_row_for_each_promotion(place: str) -> None:
    found = list(rows(stores_in(place)))
    assert [(r.version, r.outcome, r.weight, r.who, r.commit) for r in found] == [
        (2, "promoted", 100, "kim", "0a1b2c3"),
        (3, "unfinished", None, "kim", "0a1b2c3"),
    ]
    assert found[0].started < found[0].last
    assert list(rows(stores_in(place, "digits"))) == found
    assert list(rows(stores_in(place, "another"))) == []


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"torn"])
def test_history_shows_the_others_when_one_cannot_be_read(place: str, damage: bytes) -> None:
    path = Path(next(iter(stores_in(place))).where)
    path.write_bytes(path.read_bytes() + damage if damage else damage)
    first, second = rows(stores_in(place))
    assert (first.outcome, second.outcome) == ("unreadable", "unfinished")
    assert str(path) in first.problem
