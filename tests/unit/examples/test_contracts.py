"""The contracts that ship: sound for production, short, checked by editors as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.contract.check import check
from serving.contract.document import read

MODELS = Path(__file__).parents[3] / "platform" / "models"
CONTRACTS = sorted(MODELS.glob("*.yaml"))
SCHEMA = "# yaml-language-server: $schema=../../docs/reference/model.schema.json"


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_a_contract_is_sound_for_production(path: Path) -> None:
    assert [str(problem) for problem in check(read(path), "prod").problems] == []


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_a_contract_names_its_schema_and_fits_a_screen(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0] == SCHEMA
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 100
