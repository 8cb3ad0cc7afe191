from __future__ import annotations

import json

from serving.gateway.probe import health_check
from tests.contracts import changed, contract


def test_a_probe_is_a_request_whose_answer_is_known() -> None:
    check = health_check(contract("scan"), 7)["http_health_check"]
    assert (check["method"], check["path"]) == ("POST", "/v2/models/scan/versions/7/infer")
    assert json.loads(bytes.fromhex(check["send"]["text"])) == {
        "inputs": [
            {"name": "pixels", "datatype": "FP32", "shape": [1, 1, 3], "data": [0, 0.5, 1]},
            {"name": "note", "datatype": "BYTES", "shape": [1, 1], "data": ["erect"]},
        ]
    }


def test_one_bad_answer_puts_nobody_out() -> None:
    check = health_check(contract("scan"), 1)
    assert check["unhealthy_threshold"] == 2
    assert check["http_health_check"]["retriable_statuses"] == [{"start": 100, "end": 600}]


def test_a_server_that_hangs_is_found_in_time_of_its_promise() -> None:
    assert {health_check(contract("scan"), 1)[k] for k in ("timeout", "interval")} == {"2s"}
    assert {health_check(contract("writer"), 1)[k] for k in ("timeout", "interval")} == {"120s"}


def test_of_a_bundle_an_entrance_is_asked() -> None:
    check = health_check(contract("forms"), 1)["http_health_check"]
    assert check["path"] == "/v2/models/forms/versions/1/infer"


def test_without_a_known_request_the_server_is_asked_whether_it_is_ready() -> None:
    unknown = changed("scan", ("runtime", "models", "scan", "golden"), [])
    assert health_check(unknown, 1)["http_health_check"]["path"] == (
        "/v2/models/scan/versions/1/ready"
    )
    assert health_check(contract("writer"), 1)["http_health_check"]["path"] == "/health"
