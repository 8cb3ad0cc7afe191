"""What the history of a stack's file says."""

from __future__ import annotations

import pytest

from serving.promotion.commit_message import Because, message
from serving.settings import Release

ONE = Release(stable=1)
FIRST = Release(canary=1)
WARM = Release(stable=2, previous=1)


def canary(weight: int) -> Release:
    return Release(stable=1, canary=2, weight=weight)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (ONE, canary(0), "Start digits 2 at 0 %"),
        (canary(0), canary(5), "Promote digits 2 to 5 % (was 0 %)"),
        (canary(10), canary(25), "Promote digits 2 to 25 % (was 10 %)"),
        (canary(95), WARM, "Promote digits 2 to 100 % (was 95 %)"),
        (canary(25), canary(10), "Take digits 2 back to 10 % (was 25 %)"),
        (canary(25), canary(0), "Take digits 2 back to 0 % (was 25 %)"),
        (WARM, canary(0), "Take digits 2 back to 0 % (was 100 %)"),
        (canary(0), ONE, "Remove digits 2"),
        (canary(25), ONE, "Remove digits 2 (was 25 %)"),
        (WARM, ONE, "Remove digits 2 (was 100 %)"),
        (WARM, Release(stable=2), "Remove digits 1"),
        (WARM, Release(stable=3), "Start digits 3 at 100 %"),
        (WARM, Release(stable=2, canary=3), "Start digits 3 at 0 %"),
        (None, FIRST, "Start digits 1 at 0 %"),
        (FIRST, ONE, "Promote digits 1 to 100 % (was 0 %)"),
        (ONE, FIRST, "Take digits 1 back to 0 % (was 100 %)"),
        (ONE, Release(stable=2), "Start digits 2 at 100 %"),
        (ONE, ONE.model_copy(update={"revision": 8}), "Keep digits 1 at 100 %"),
        (FIRST, None, "Remove digits"),
    ],
)
def test_a_subject_names_version_and_weight(
    before: Release | None, after: Release | None, said: str
) -> None:
    tables = [{"digits": each} if each else {} for each in (before, after)]
    assert message(*tables, {}) == f"{said}\n"


def test_reason_and_journal_stand_in_the_body() -> None:
    because = {
        "digits": Because(reason="shown to be safe\nlog:\n  12 lines", journal="j/digits/7.jsonl"),
        "words": Because(reason="not ours", journal="j/words/1.jsonl"),
    }
    assert message({"digits": canary(0)}, {"digits": canary(5)}, because) == (
        "Promote digits 2 to 5 % (was 0 %)\n\nshown to be safe\n\nJournal: j/digits/7.jsonl\n"
    )


def test_two_models_of_one_update_are_both_named() -> None:
    because = {model: Because(reason=f"why {model}", journal=f"j/{model}") for model in ("a", "b")}
    before, after = ({name: canary(weight) for name in "ab"} for weight in (5, 10))
    assert message(before, after, because) == (
        "Promote a 2 to 10 % (was 5 %), Promote b 2 to 10 % (was 5 %)\n\n"
        "a: why a\n\nb: why b\n\nJournal: j/a\nJournal: j/b\n"
    )


def test_a_subject_of_many_models_stays_one_line() -> None:
    names = ("digits", "invoices", "words")
    before, after = ({name: canary(weight) for name in names} for weight in (5, 10))
    subject, _, body = message(before, after, {}).partition("\n\n")
    assert subject == "Change 3 releases"
    assert body.count("to 10 % (was 5 %)\n") == 3


def test_what_a_server_said_breaks_no_line() -> None:
    because = {"digits": Because(reason="a\x00b\x1b[31mc\rd", journal="j")}
    assert "a b [31mc d" in message({}, {"digits": canary(0)}, because)
