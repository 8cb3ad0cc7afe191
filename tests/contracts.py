"""The contracts under `tests/fixtures/contracts/`, whole or with one thing changed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from serving.contract.check import load
from serving.contract.document import read
from serving.contract.model import ModelContract
from serving.contract.problem import JsonPath

FOLDER: Final = Path(__file__).parent / "fixtures" / "contracts"


@cache
def contract(name: str) -> ModelContract:
    """A sound one, by the name of its file."""
    return load(FOLDER / f"{name}.yaml")


@cache
def _document(name: str) -> str:
    return json.dumps(read(FOLDER / f"{name}.yaml").data)


def changed(name: str, path: JsonPath, value: object) -> ModelContract:
    """With another value at `path`; the rules between fields may be broken."""
    document: Any = json.loads(_document(name))
    at = document
    for key in path[:-1]:
        at = at[key] if isinstance(key, int) else at.setdefault(key, {})
    at[path[-1]] = value
    return ModelContract.model_validate_json(json.dumps(document))
