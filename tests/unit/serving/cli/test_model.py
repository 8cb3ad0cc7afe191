from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from serving.cli import app
from serving.errors import InputError
from tests.unit.serving.contract.contracts import DIGITS, with_change


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "platform" / "models").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "platform" / "models"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["model", *arguments])


def test_all_contracts_of_the_repository_are_checked_by_default(here: Path) -> None:
    (here / "digits.yaml").write_text(DIGITS)
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout == "platform/models/digits.yaml: sound\n"


def test_problems_go_to_stderr_with_their_place_and_exit_code_2(here: Path) -> None:
    (here / "digits.yaml").write_text(with_change(DIGITS, "tenant: vision", "tenent: vision"))
    result = run("check", "platform/models/digits.yaml")
    assert result.exit_code == 2
    assert "platform/models/digits.yaml:2:1: tenent: is not a known field" in result.stderr
    assert result.stdout == "platform/models/digits.yaml: 2 problems\n"


def test_json_output_holds_every_problem_with_line_and_column(here: Path) -> None:
    (here / "digits.yaml").write_text(with_change(DIGITS, "p99_ms: 250", "p99_ms: fast"))
    result = run("check", "--json")
    assert result.exit_code == 2
    (report,) = json.loads(result.stdout).values()
    assert report["sound"] is False
    assert report["problems"] == [
        {
            "file": "platform/models/digits.yaml",
            "line": 20,
            "column": 19,
            "field": "slo.p99_ms",
            "what": "is not valid",
            "got": "'fast'",
            "expected": "a number",
            "do": None,
        }
    ]


def test_one_broken_file_does_not_hide_another(here: Path) -> None:
    (here / "a.yaml").write_bytes(b"\xff")
    (here / "digits.yaml").write_text(DIGITS)
    result = run("check")
    assert result.exit_code == 2
    assert "platform/models/digits.yaml: sound" in result.stdout
    assert "platform/models/a.yaml:1:1: (document): is not UTF-8" in result.stderr


def publish(version: int) -> None:
    files = Path("source")
    files.mkdir(exist_ok=True)
    (files / "model.py").write_text("# a model\n")
    result = run("publish", "digits", str(version), "--from", "source", "--to", "store")
    assert result.exit_code == 0, result.output


def test_diff_compares_what_was_published_whatever_the_yaml_says_today(here: Path) -> None:
    path = here / "digits.yaml"
    path.write_text(DIGITS)
    publish(1)
    path.write_text(with_change(path.read_text(), "max_batch_size: 16", "max_batch_size: 4"))
    publish(2)
    path.write_text(with_change(path.read_text(), "max_batch_size: 4", "max_batch_size: 32"))
    lowered = run("diff", "digits", "1", "2", "--in", "store")
    assert lowered.exit_code == 1
    assert "version 2 may not replace version 1" in lowered.stdout
    assert "max_batch_size" in lowered.stdout
    raised = run("diff", "digits", "2", "1", "--in", "store", "--json")
    assert json.loads(raised.stdout)["compatible"] is True
    assert run("diff", "digits", "1", "3", "--in", "store").exit_code == 0


@pytest.mark.parametrize(("old", "new"), [("1", "4"), ("7", "1")])
def test_diff_refuses_versions_that_never_were(here: Path, old: str, new: str) -> None:
    (here / "digits.yaml").write_text(DIGITS)
    publish(1)
    refused = run("diff", "digits", old, new, "--in", "store")
    assert "2 would be the next" in str(refused.exception)


def test_all_that_follows_from_a_contract_is_shown(here: Path) -> None:
    (here / "digits.yaml").write_text(DIGITS)
    shown = json.loads(run("derived", "digits").stdout)
    assert "max_batch_size: 16" in shown["config.pbtxt"]["digits/config.pbtxt"]
    assert {"probes", "alerts", "server-arguments"} <= set(shown)


def test_what_follows_from_a_published_version_is_what_was_frozen(here: Path) -> None:
    path = here / "digits.yaml"
    path.write_text(DIGITS)
    publish(1)
    path.write_text(with_change(path.read_text(), "max_batch_size: 16", "max_batch_size: 4"))
    config = json.loads(run("derived", "digits", "1", "--in", "store").stdout)["config.pbtxt"]
    assert "max_batch_size: 16" in config["digits/config.pbtxt"]
    assert "published with another contract" in str(run("derived", "digits", "1").exception)
    assert "2 would be the next" in str(run("derived", "digits", "9").exception)


def test_a_tenant_without_a_file_is_a_problem_where_tenants_are_known(here: Path) -> None:
    (here / "digits.yaml").write_text(DIGITS)
    (here.parent / "tenants").mkdir()
    (here.parent / "tenants" / "shop.yaml").touch()
    result = run("check")
    assert result.exit_code == 2
    assert "tenant: is no tenant, got vision, expected one of shop" in result.stderr


def test_diff_does_not_guess_what_a_version_was_published_with(here: Path) -> None:
    path = here / "digits.yaml"
    path.write_text(DIGITS)
    publish(1)
    assert run("diff", "digits", "1", "2").exit_code == 0
    path.write_text(with_change(path.read_text(), "max_batch_size: 16", "max_batch_size: 4"))
    refused = run("diff", "digits", "1", "2")
    assert isinstance(refused.exception, InputError)
    assert "name the store that has it with --in" in str(refused.exception)


def serving(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serving.cli", *arguments]
    wide = os.environ | {"COLUMNS": "200"}
    return subprocess.run(command, cwd=cwd, env=wide, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["model", "check"], "no contract in platform/models/"),
        (["model", "check", "gone.yaml"], "gone.yaml:1:1: (document): does not exist"),
        (["model", "diff", "nothing", "1", "2"], "no contract in platform/models/"),
        (["model", "check", "--environment", "moon"], "'moon' is not one of 'dev', 'prod'"),
    ],
)
def test_bad_input_gets_one_clear_error_and_exit_code_2(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    result = serving(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


OVERRIDDEN = """\
versions:
  # smaller batches for the old cards
  1:
    overrides:   # of runtime
      models: {digits: {max_batch_size: 4}}
"""


def test_overrides_are_written_before_the_version_is_published(here: Path) -> None:
    path = here / "digits.yaml"
    path.write_text(DIGITS + OVERRIDDEN)
    publish(1)
    config = Path("store/digits/1/digits/config.pbtxt").read_text()
    assert "max_batch_size: 4" in config
    lines = path.read_text().removeprefix(DIGITS).splitlines()
    entered = [line for line in lines if line.startswith("    ") and "sha256:" in line]
    assert len(entered) == 2
    assert [line for line in lines if line not in entered and "source" not in line] == (
        OVERRIDDEN.splitlines()
    )
    assert run("check", str(path)).exit_code == 0


def test_a_version_that_cannot_be_entered_is_refused_before_anything_is_stored(here: Path) -> None:
    written = "versions: {1: {overrides: {models: {digits: {max_batch_size: 4}}}}}\n"
    (here / "digits.yaml").write_text(DIGITS + written)
    Path("source").mkdir()
    Path("source/model.py").write_text("# a model\n")
    result = run("publish", "digits", "1", "--from", "source", "--to", "store")
    assert isinstance(result.exception, InputError)
    assert "write it as a block" in str(result.exception)
    assert not Path("store/digits/1").exists()
