from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from serving.dashboard import promotion as module
from serving.dashboard.promotion import Promotions
from serving.promotion.record import Effect, Intent
from tests.unit.serving.promotion.recorded import NOON, kept, recorded, simulated, started
from tests.unit.serving.promotion.told import written

NAME = "digits/20260102T120000.000000Z-v2"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return Path(recorded(tmp_path, simulated(1, 200, errors=0.05, since=20)).where)


def test_a_promotion_is_shown_with_the_weights_that_came_into_force(
    journal: Path, tmp_path: Path
) -> None:
    (found,) = Promotions(tmp_path).all()
    assert (found.name, found.row.outcome, found.weight) == (NAME, "rolled back", 0)
    assert [weight for _, weight in found.weights] == [5, 10, 25, 50, 95, 50, 0]
    assert found.weights[0][0] == pytest.approx(NOON.timestamp() + 15, abs=1)
    document = found.document()
    assert document["reason"].startswith("worse than stable")
    assert document["gate"] == "errors"
    assert (document["model"], document["version"], document["stable"]) == ("digits", 2, 1)
    assert "where" not in document


def test_one_that_runs_says_what_it_does_and_waits_for(tmp_path: Path) -> None:
    path = Path(recorded(tmp_path, simulated(1, 3)).where)
    (found,) = Promotions(tmp_path).all()
    assert (found.row.outcome, found.verdict, found.doing) == ("unfinished", "hold", "")
    assert "requests" in found.reason
    begun = [Intent(action="start the canary", fence=1)]
    path.write_bytes(b"".join(written(*begun).kept))
    assert Promotions(tmp_path).all()[0].doing == "start the canary"
    path.write_bytes(b"".join(written(*begun, Effect(confirmed=True)).kept))
    assert Promotions(tmp_path).all()[0].doing == ""


def test_the_newest_come_first_and_the_oldest_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    lines = kept(simulated(1, 1)).kept
    for name in ("a/20260103-v1", "b/20260102-v1", "a/20260101-v1"):
        path = tmp_path / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(lines))
    assert [each.name for each in Promotions(tmp_path).all()] == ["a/20260103-v1", "b/20260102-v1"]


def test_a_journal_is_read_again_only_when_it_has_grown(journal: Path, tmp_path: Path) -> None:
    promotions = Promotions(tmp_path)
    (before,) = promotions.all()
    assert promotions.all()[0] is before
    journal.write_bytes(b"".join(kept(simulated(1, 3)).kept))
    assert promotions.all()[0].row.outcome == "unfinished"


def test_a_line_that_is_just_being_written_changes_nothing(journal: Path, tmp_path: Path) -> None:
    promotions = Promotions(tmp_path)
    (before,) = promotions.all()
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole.splitlines()[-1][:20])
    assert promotions.all()[0] == before


def test_one_that_cannot_be_read_says_so_in_its_row(journal: Path, tmp_path: Path) -> None:
    journal.write_bytes(b"{}\n" + journal.read_bytes()[3:])
    (found,) = Promotions(tmp_path).all()
    assert (found.row.outcome, found.row.model) == ("unreadable", "digits")
    assert found.document()["problem"]


def test_only_what_is_listed_can_be_opened(journal: Path, tmp_path: Path) -> None:
    promotions = Promotions(tmp_path)
    store = promotions.store(NAME)
    assert store is not None
    assert store.where == str(journal)
    for name in ("", "digits", f"../{tmp_path.name}/{NAME}", f"{NAME}.jsonl", "digits/../x"):
        assert promotions.store(name) is None


def test_without_a_folder_there_are_none(tmp_path: Path) -> None:
    assert Promotions(tmp_path / "absent").all() == []


def test_a_first_release_has_nothing_to_be_over(tmp_path: Path) -> None:
    recorded(tmp_path, simulated(1, 1), replace(started(first_release=True), stable=None))
    assert Promotions(tmp_path).all()[0].document()["stable"] is None
