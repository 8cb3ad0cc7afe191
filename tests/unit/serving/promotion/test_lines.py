from __future__ import annotations

import json
from datetime import timedelta

from serving.promotion.course import Course
from serving.promotion.decision import Decision, State, Verdict
from serving.promotion.journal import Store
from serving.promotion.judge import Judgement
from serving.promotion.lines import AGAIN_SECONDS, Line, Teller, document
from serving.promotion.record import (
    Body,
    Decided,
    Effect,
    Ended,
    Intent,
    Record,
    Resumed,
    Undelivered,
    Waived,
)
from tests.unit.serving.promotion.recorded import NOON, kept, simulated, started
from tests.unit.serving.promotion.told import told, written


def lines(store: Store) -> list[Line]:
    teller, said = Teller(), []
    for course, record in told(store):
        teller, line = teller.after(course, record)
        said += [line] if line else []
    return said


def hold(reason: str) -> Decided:
    decision = Decision(verdict=Verdict.HOLD, weight=5, reason=reason)
    return Decided(decision=decision, state=State(weight=5), judgement=Judgement())


def test_every_change_is_told_and_not_every_window() -> None:
    store = kept(simulated(1, 200))
    said = lines(store)
    advances = [line.text.split(",")[0] for line in said if line.what == "advance"]
    assert advances == [
        "0 → 5 %", "5 → 10 %", "10 → 25 %", "25 → 50 %", "50 → 95 %", "95 → 100 %",
    ]  # fmt: skip
    assert next(line for line in said if line.what == "done").text.startswith("weight to 5 %, in ")
    assert said[-1].what == "promoted"
    assert len(said) < len(store.kept) / 4


def test_a_line_says_when_who_and_why() -> None:
    said = lines(kept(simulated(1, 200, errors=0.05, since=20)))
    assert str(said[0]) == "2026-01-02T12:00:00Z digits 2 started: against version 1, by kim"
    back = next(line for line in said if line.what == "rollback")
    assert back.text.endswith(" to 1 (errors)")
    assert back.text.startswith("50 → 0 %, worse than stable")
    assert (back.tone, said[-1].tone, said[0].tone) == ("bad", "bad", "calm")


def test_a_reason_to_hold_is_told_again_only_when_it_is_another() -> None:
    store = written(
        hold("p99 needs about 60 more requests"), hold("p99 needs about 9 more requests")
    )
    assert [line.text for line in lines(store)[1:]] == ["at 5 %, p99 needs about 60 more requests"]


def test_of_two_reasons_that_take_turns_each_is_told_once_a_while() -> None:
    teller, said = Teller(), []
    course = Course(started())
    moments = {0: "one", 15: "another", 30: "one", 45: "another", AGAIN_SECONDS: "one"}
    for seconds, reason in moments.items():
        body = hold(reason)
        course.take(body)
        at = (NOON + timedelta(seconds=seconds)).isoformat()
        teller, line = teller.after(course, Record(number=2, at=at, body=body, hash=""))
        said += [(seconds, line.text)] if line else []
    assert said == [
        (0, "at 5 %, one"), (15, "at 5 %, another"), (AGAIN_SECONDS, "at 5 %, one"),
    ]  # fmt: skip


def test_what_people_do_and_what_fails_is_told() -> None:
    bodies: list[Body] = [
        Waived(what="calibration", who="kim", reason="new model"),
        Intent(action="start the canary", fence=1),
        Effect(confirmed=False, detail="no room"),
        Resumed(engine="e", who="lou", commit="c"),
        Undelivered(to="https://hooks.example", problem="HTTP 500"),
        Ended(outcome="held", weight=0, reason="start the canary failed 3 times"),
    ]
    assert [line.said for line in lines(written(*bodies))[1:]] == [
        "waived: calibration, by kim: new model",
        "failed: start the canary: no room",
        "resumed: by lou",
        "not delivered: to https://hooks.example: HTTP 500",
        "held: at 0 %: start the canary failed 3 times",
    ]


def test_programs_get_one_document_for_each_record() -> None:
    store = kept(simulated(1, 200, errors=0.05, since=20))
    documents = [json.loads(json.dumps(document(*each))) for each in told(store)]
    assert [each["number"] for each in documents] == list(range(1, len(store.kept) + 1))
    last = documents[-1]
    assert (last["kind"], last["outcome"], last["verdict"], last["gate"], last["weight"]) == (
        "ended", "rolled back", "rollback", "errors", 0,
    )  # fmt: skip
    errors = last["evidence"]["errors"]
    assert errors["harm"] > last["harm"] > 4.6
    assert set(errors) == {"harm", "safe", "needs"}


def test_a_whole_log_in_a_reason_is_no_line() -> None:
    *_, line = lines(written(Ended(outcome="held", weight=0, reason="x" * 5000)))
    assert len(str(line)) < 500
    assert str(line).endswith("xxx…")
