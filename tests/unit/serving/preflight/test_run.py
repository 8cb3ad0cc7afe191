"""Checks side by side: each has an end, and one that breaks is no success."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from serving.preflight.document import exit_code
from serving.preflight.finding import Finding, Outcome, failed, passed, unknown
from serving.preflight.once import Once
from serving.preflight.run import Check, run

WELL = passed("x", "is well")
WRONG = failed("x", "is wrong", "correct it")
NOBODY = unknown("x", "nobody answers", "look")


def check(name: str, *found: Finding) -> Check:
    return Check(name=name, about=name, look=lambda: found)


def test_they_run_side_by_side_and_are_told_in_their_order() -> None:
    """Neither is done before the other has begun."""
    both = threading.Barrier(2, timeout=20)

    def look() -> Sequence[Finding]:
        both.wait()
        return [WELL]

    two = [Check(name=name, about=name, look=look) for name in ("first", "second")]
    found = run(two)
    assert [(each.name, list(findings)) for each, findings in found] == [
        ("first", [WELL]), ("second", [WELL]),
    ]  # fmt: skip


def test_each_is_heard_of_once_it_is_done() -> None:
    heard: list[str] = []
    run([check("a", WELL), check("b", WRONG)], lambda each: heard.append(each.name))
    assert sorted(heard) == ["a", "b"]


def test_one_that_hangs_is_unknown_and_holds_up_no_other() -> None:
    for_ever = threading.Event()

    def hang() -> Sequence[Finding]:
        for_ever.wait()
        return [WELL]

    heard: list[str] = []
    wanted = [Check(name="hangs", about="it", look=hang), check("other", WELL)]
    try:
        hung, other = run(wanted, lambda each: heard.append(each.name), seconds=0.5)
    finally:
        for_ever.set()
    (said,) = hung[1]
    assert (said.about, said.outcome) == ("it", Outcome.UNKNOWN)
    assert (said.said, said.do) == ("no answer within 0.5 s", "run it again")
    assert list(other[1]) == [WELL]
    assert heard == ["other"]


def test_one_that_breaks_is_unknown_and_says_how() -> None:
    def broken() -> Sequence[Finding]:
        raise KeyError("Zones")

    ((_, (said,)),) = run([Check(name="broken", about="it", look=broken)])
    assert said.outcome is Outcome.UNKNOWN
    assert said.said == "an answer that cannot be read: KeyError: 'Zones'"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 0),
        ([WELL], 0),
        ([WELL, NOBODY], 3),
        ([WRONG, WELL], 1),
        ([NOBODY, WRONG], 1),
    ],
)
def test_only_what_is_well_throughout_is_a_success(found: list[Finding], code: int) -> None:
    assert exit_code([(check("x"), found)]) == code


def test_what_several_want_to_know_is_asked_once() -> None:
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return "answer"

    once = Once(ask)
    assert (once(), once(), asked) == ("answer", "answer", [1])


def test_an_error_is_told_to_everyone_who_asks() -> None:
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        raise LookupError("no")

    once = Once(ask)
    for _ in range(2):
        with pytest.raises(LookupError, match="no"):
            once()
    assert asked == [1]
