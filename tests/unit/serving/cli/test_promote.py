from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from serving.cli.promote import Differs, app
from serving.errors import InputError
from serving.promotion.record import JournalError
from tests.unit.serving.promotion.recorded import recorded, simulated


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return Path(recorded(tmp_path, simulated(1, 200, errors=0.05, since=20)).where)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def damage(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b'"errors":0', b'"errors":1', 1))


def test_replaying_says_that_nothing_differs(journal: Path) -> None:
    result = run("replay", journal)
    assert result.exit_code == 0
    assert "22 decisions in 60 records, all decided the same again; last hash " in result.stdout
    answer = json.loads(run("replay", journal, "--json").stdout)
    assert (answer["decisions"], answer["difference"], answer["same_engine"]) == (22, None, True)


def test_a_tampered_journal_is_bad_input_with_its_line(journal: Path) -> None:
    damage(journal)
    result = run("replay", journal)
    assert isinstance(result.exception, JournalError)
    assert result.exception.exit_code == 2
    assert "line 2 is damaged" in str(result.exception)


def test_what_would_be_decided_differently_is_shown(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.promotion.plan.DOUBT", -1e9)
    monkeypatch.setattr("serving.promotion.replay.engine_version", lambda: "another")
    error = run("replay", journal).exception
    assert isinstance(error, Differs)
    assert error.exit_code == 1
    assert "line 3 would be decided differently now; it was decided by engine " in str(error)
    assert "recorded: {" in str(error)


def test_explaining_tells_the_last_decision_or_a_given_one(journal: Path) -> None:
    assert "because: worse than stable" in run("explain", journal).stdout
    assert "advance, weight 0 → 5 %" in run("explain", journal, "--line", 3).stdout
    error = run("explain", journal, "--line", 2).exception
    assert isinstance(error, InputError)
    assert "line 2 is no decision" in str(error)


def test_history_is_a_table_or_json(journal: Path) -> None:
    place = journal.parent.parent
    header, row = run("history", "--in", place).stdout.splitlines()
    assert header.split() == [
        "MODEL", "VERSION", "STARTED", "BY", "OUTCOME", "REASON", "JOURNAL",
    ]  # fmt: skip
    assert row.startswith("digits  2 over 1  2026-01-02 12:00:00  kim  rolled back  worse than")
    (found,) = json.loads(run("history", "digits", "--in", place, "--json").stdout)
    assert (found["outcome"], found["weight"]) == ("rolled back", 0)


def test_history_lists_what_it_can_and_names_what_it_cannot(journal: Path) -> None:
    (journal.parent / "b.jsonl").write_text("{}")
    result = run("history", "--in", journal.parent.parent)
    assert "rolled back" in result.stdout
    assert isinstance(result.exception, InputError)
    assert "b.jsonl" in str(result.exception)


def test_the_report_is_one_file(journal: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run("report", journal, "--to", page).stdout == f"{page}: {page.stat().st_size} bytes\n"
    assert page.read_text().startswith("<!doctype html>")
    error = run("report", journal, "--to", tmp_path / "absent" / "page.html").exception
    assert isinstance(error, InputError)
    assert "cannot be written" in str(error)


def test_a_killed_promotion_is_still_explained_and_reported(journal: Path, tmp_path: Path) -> None:
    journal.write_bytes(journal.read_bytes()[:-30])
    for verb in (["explain", journal], ["report", journal, "--to", tmp_path / "page.html"]):
        result = run(*verb)
        assert result.exit_code == 0
        assert "is the last one and torn" in result.stderr
    assert isinstance(run("replay", journal).exception, JournalError)
