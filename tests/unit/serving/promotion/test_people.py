"""What people ask for, until it was recorded and after."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.errors import InputError, ServingError
from serving.promotion.asks import Ask, Asks, asks_at
from serving.promotion.course import Course
from serving.promotion.decision import Decision, Facts, Override, Verdict
from serving.promotion.judge import Judgement
from serving.promotion.people import LOOK_SECONDS, People
from serving.promotion.record import Decided, Record, Started
from serving.promotion.shelf import FolderShelf, shelf_at
from tests.unit.serving.promotion.recorded import started

BEGIN = started()
"""Its configuration is sha256:1f."""


class Time:
    now = 0.0

    def __call__(self) -> float:
        self.now += LOOK_SECONDS
        return self.now


@pytest.fixture
def asks(tmp_path: Path) -> Asks:
    return asks_at(str(tmp_path), "digits")


def people(asks: Asks, config: str = "sha256:1f") -> tuple[People, Course]:
    course, found = Course(BEGIN), People(asks, lambda: config, clock=Time())
    found.heard(course, record(BEGIN))
    return found, course


def record(body: Started | Decided) -> Record:
    return Record(number=1, at="", body=body, hash="")


def decided(facts: Facts, verdict: Verdict = Verdict.HOLD) -> Record:
    decision = Decision(verdict=verdict, weight=5, reason="")
    return record(
        Decided(decision=decision, state=Course(BEGIN).state, judgement=Judgement(), facts=facts)
    )


def ask(kind: str, **more: object) -> Ask:
    return Ask(kind=kind, version=2, who="kim", reason="so it is", **more)  # type: ignore[arg-type]


def test_nobody_asking_is_nothing_known(asks: Asks) -> None:
    found, course = people(asks)
    assert found.facts(course) == Facts()
    assert not found.want_an_end(course)


def test_an_abort_is_taken_up_when_it_was_recorded_and_remembered_then(asks: Asks) -> None:
    name = asks.add(ask("abort"))
    found, course = people(asks)
    facts = found.facts(course)
    assert (facts.abort, found.want_an_end(course)) == ("kim: so it is", True)
    assert asks.waits(name), "a kill now loses nothing"
    found.heard(course, decided(facts))
    assert not asks.waits(name)
    assert found.facts(course).abort == "kim: so it is"
    again, _ = people(asks)
    again.heard(course, decided(facts))
    assert again.facts(course).abort == "kim: so it is", "a journal that is resumed"


def test_a_consent_to_one_step_waits_until_there_was_one(asks: Asks) -> None:
    name = asks.add(ask("override"))
    found, course = people(asks)
    facts = found.facts(course)
    assert facts.override == Override(who="kim", reason="so it is")
    found.heard(course, decided(facts))
    assert asks.waits(name)
    found.heard(course, decided(facts, Verdict.ADVANCE))
    assert not asks.waits(name)
    assert found.facts(course) == Facts()


def test_a_gate_whose_question_was_answered_asks_no_more(asks: Asks) -> None:
    asks.add(ask("approve", gate="mirror"))
    asks.add(ask("approve"))
    found, course = people(asks)
    facts = found.facts(course)
    assert [each.gate for each in facts.approvals] == ["mirror", ""]
    found.heard(course, decided(facts, Verdict.ADVANCE))
    assert [each.gate for each in found.facts(course).approvals] == ["mirror"]


def test_a_changed_configuration_is_said_until_that_very_one_is_accepted(asks: Asks) -> None:
    found, course = people(asks, "sha256:2e")
    changed = "the configuration was changed: it is sha256:2e now, not sha256:1f"
    assert found.facts(course).changed == found.changed() == changed
    asks.add(ask("accept", config="sha256:2e"))
    facts = found.facts(course)
    assert facts.changed == found.changed() == ""
    assert facts.accepted is not None
    found.heard(course, decided(facts))
    assert found.facts(course) == Facts()
    other, course = people(asks, "sha256:3d")
    other.heard(course, decided(facts))
    assert "it is sha256:3d now, not sha256:2e" in other.facts(course).changed


def test_a_configuration_that_cannot_be_read_is_changed(asks: Asks) -> None:
    def broken() -> str:
        raise InputError("Pulumi.local.yaml: cannot be read")

    found = People(asks, broken)
    assert "Pulumi.local.yaml: cannot be read" in found.facts(Course(BEGIN)).changed


def test_whoever_supersedes_has_seen_the_configuration(asks: Asks) -> None:
    found = People(asks, lambda: "sha256:2e", superseded_by=3)
    course = Course(BEGIN)
    assert found.facts(course) == Facts(superseded_by=3)
    assert found.want_an_end(course)


def test_another_versions_promotion_is_not_meant_and_what_is_torn_asks_nothing(
    asks: Asks, tmp_path: Path
) -> None:
    asks.add(Ask(kind="abort", version=3, who="kim", reason="another one"))
    (tmp_path / "digits" / "asks" / "0.json").write_text('{"kind": "ab')
    found, course = people(asks)
    assert found.facts(course) == Facts()
    asks.clear()
    assert list((tmp_path / "digits" / "asks").iterdir()) == []


class Away:
    """A shelf that cannot be reached."""

    where = "s3://away"

    def names(self) -> list[str]:
        raise ServingError("no answer")

    get = put = remove = names


def test_a_shelf_that_is_away_changes_nothing() -> None:
    found = People(Asks(Away()), lambda: "", clock=Time())  # type: ignore[arg-type]
    assert found.facts(Course(BEGIN)) == Facts()


def test_a_shelf_keeps_what_is_put_there(tmp_path: Path) -> None:
    shelf = shelf_at(str(tmp_path / "shelf"))
    assert (shelf.names(), shelf.get("a")) == ([], None)
    shelf.put("b", b"1")
    shelf.put("a", b"2")
    shelf.put("a", b"3")
    assert (shelf.names(), shelf.get("a")) == (["a", "b"], b"3")
    shelf.remove("a")
    shelf.remove("a")
    assert shelf.names() == ["b"]


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "shelf").write_text("")
    with pytest.raises(ServingError, match="cannot be read or written"):
        FolderShelf(tmp_path / "shelf").put("a", b"")
