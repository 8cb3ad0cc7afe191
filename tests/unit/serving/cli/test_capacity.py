from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from serving.catalog import PLATFORM
from serving.cli import app
from serving.errors import InputError

CHECKOUT = PLATFORM.parent


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the stacks of the checkout."""
    for file in CHECKOUT.glob("Pulumi.*.yaml"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["capacity", *arguments])


def test_a_person_reads_pools_models_tenants_and_the_day_of_the_prices(here: Path) -> None:
    result = run("-s", "prod")
    assert result.exit_code == 0
    for word in ("gpu-vllm", "assistant", "clinic", "price list of 2026-07-06"):
        assert word in result.stdout


def test_no_figure_is_cut_off_in_a_narrow_terminal(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", "40")):
        monkeypatch.setenv(name, value)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", run("-s", "prod").stdout)
    for words in ("gpu-vllm-large  0–2    0       g5.12xlarge ", "assistant  150   93 "):
        assert words in shown


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_tables_are_no_wider_than_a_terminal(here: Path, stack: str) -> None:
    tables, _, _ = run("-s", stack).stdout.partition("All nodes")
    assert max(len(line) for line in tables.splitlines()) <= 80


def test_a_script_reads_json(here: Path) -> None:
    told = json.loads(run("-s", "dev", "--json").stdout)
    assert told["environment"] == "dev"
    assert told["models"].keys() == {
        "assistant", "biopsy", "digits", "mailroom", "offers", "tickets",
    }  # fmt: skip


def test_it_can_be_drawn(here: Path) -> None:
    assert run("-s", "prod", "--picture", "capacity.svg").exit_code == 0
    assert (here / "capacity.svg").read_text(encoding="utf-8").startswith("<svg ")


def test_a_picture_that_cannot_be_written_is_one_line(here: Path) -> None:
    result = run("-s", "prod", "--picture", "nowhere/capacity.svg")
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == "nowhere/capacity.svg: No such file or directory"


def test_a_model_that_fits_nowhere_is_an_exit_code(here: Path) -> None:
    file = here / "Pulumi.prod.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("[g6.xlarge, g5.xlarge]", "[g4dn.xlarge]"), encoding="utf-8")
    result = run("-s", "prod")
    assert result.exit_code == 1
    assert "model assistant: fits no pool: gpu-vllm: its nodes may be g4dn.xlarge" in result.stdout


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ("staging", "there is no Pulumi.staging.yaml in"),
        ("local", "stack local has no nodes: it runs on one machine"),
    ],
)
def test_a_stack_without_nodes_is_refused(here: Path, stack: str, said: str) -> None:
    result = run("-s", stack)
    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)
