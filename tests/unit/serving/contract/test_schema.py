from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from serving.contract.document import read
from serving.contract.model import ModelContract
from serving.contract.schema import json_schema
from tests.unit.serving.contract.contracts import DIGITS, JUDGE, sound

ROOT = Path(__file__).resolve().parents[4]
MODELS = sorted((ROOT / "platform" / "models").glob("*.yaml"))
SCHEMA = Draft202012Validator(json.loads(json_schema(ModelContract, "Model contract")))


@pytest.mark.parametrize("path", MODELS, ids=[path.stem for path in MODELS])
def test_editors_accept_every_contract_of_the_repository(path: Path) -> None:
    assert [error.message for error in SCHEMA.iter_errors(read(path).data)] == []


@pytest.mark.parametrize("path", MODELS, ids=[path.stem for path in MODELS])
def test_every_contract_names_the_schema_that_editors_check_it_with(path: Path) -> None:
    named = path.read_text().splitlines()[0].partition("$schema=")[2]
    assert (path.parent / named).resolve() == ROOT / "docs" / "reference" / "model.schema.json"


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("workload", "training"),
        ("name", "Digits"),
        ("slo", {"p50_ms": 50}),
        ("resources", {"cpu": "2x", "memory": "4Gi"}),
        ("health", {"startup_seconds": "60"}),
        ("runtime", {"engine": "torchserve"}),
        ("colour", "red"),
    ],
)
def test_editors_mark_what_the_check_refuses(section: str, value: Any) -> None:
    document = json.loads(sound(DIGITS).model_dump_json(exclude_unset=True)) | {section: value}
    assert not SCHEMA.is_valid(document)


@pytest.mark.parametrize("text", [DIGITS, JUDGE], ids=["triton", "vllm"])
def test_a_contract_that_is_written_out_is_read_as_itself(text: str) -> None:
    contract = sound(text)
    assert ModelContract.model_validate_json(contract.model_dump_json()) == contract
    assert SCHEMA.is_valid(json.loads(contract.model_dump_json()))
