from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from serving.cli import app
from serving.errors import InputError
from tests.unit.serving.promotion.recorded import recorded, simulated


def status(place: Path, *arguments: str) -> Result:
    command = ["promote", "status", "digits", "--in", str(place), *arguments]
    return CliRunner().invoke(app, command)


def test_the_status_is_where_the_last_promotion_stands(tmp_path: Path) -> None:
    journal = recorded(tmp_path, simulated(1, 200, errors=0.05, since=20))
    said = json.loads(status(tmp_path, "--json").stdout)
    assert said["because"].startswith("worse than stable and over its limit")
    assert (said["outcome"], said["weight"], said["journal"]) == ("rolled back", 0, journal.where)
    assert "outcome   rolled back\n" in status(tmp_path).stdout


def test_a_promotion_that_runs_says_its_weight_and_what_it_waits_for(tmp_path: Path) -> None:
    recorded(tmp_path, simulated(1, 3))
    said = json.loads(status(tmp_path, "--json").stdout)
    assert (said["outcome"], said["doing"], said["decided"]) == ("unfinished", None, "hold")
    assert said["weight"] == 5
    assert "of 60 s" in said["because"] or "more requests" in said["because"]


def test_without_a_promotion_it_says_so(tmp_path: Path) -> None:
    result = status(tmp_path)
    assert isinstance(result.exception, InputError)
    assert "no promotion of digits was recorded here" in str(result.exception)
