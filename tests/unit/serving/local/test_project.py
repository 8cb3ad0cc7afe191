from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from serving.errors import InputError
from serving.local.project import issuer_of, made
from serving.stacks.local.place import Place


def test_a_stack_makes_tokens_only_while_its_gateway_takes_them(tmp_path: Path) -> None:
    place = Place(tmp_path / "local")
    file = made(place).file
    assert issuer_of(place).issue("vision", "me", 60)
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["config"]["serving:identity"] = {
        "issuer": "https://id.example.com/", "audience": "inference", "jwks": "https://a/keys",
    }  # fmt: skip
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        issuer_of(place)
    assert str(refused.value).startswith(
        "stack local: its gateway takes only tokens of https://id.example.com/: get one there"
    )
    assert str(file) in str(refused.value)
