from __future__ import annotations

import json

import pytest

from serving.contract.synthetic import synthetic_request
from tests.contracts import changed, contract


def test_the_first_golden_request_is_sent() -> None:
    request = synthetic_request(contract("scan"))
    assert request is not None
    assert request.path == "/v2/models/scan/infer"
    assert [one["name"] for one in json.loads(request.body)["inputs"]] == ["pixels", "note"]


def test_a_version_that_was_asked_for_is_in_the_path() -> None:
    request = synthetic_request(contract("scan"), 3)
    assert request is not None
    assert request.path == "/v2/models/scan/versions/3/infer"


@pytest.mark.parametrize(
    ("version", "path"), [(None, "/v2/models/reader/infer"), (1, None)], ids=["any", "as a caller"]
)
def test_a_step_is_asked_where_it_is_no_callers_request(
    version: int | None, path: str | None
) -> None:
    bundle = changed("forms", ("runtime", "models", "forms", "golden"), [])
    request = synthetic_request(bundle, version)
    assert (request.path if request else None) == path


@pytest.mark.parametrize("kind", ["FP16", "BF16"])
def test_what_json_cannot_say_is_not_asked(kind: str) -> None:
    half = changed("scan", ("runtime", "models", "scan", "outputs", "finding", "type"), kind)
    assert synthetic_request(half) is None


def test_other_engines_have_no_request_that_is_known() -> None:
    assert synthetic_request(contract("writer")) is None
    assert synthetic_request(contract("forest")) is None
