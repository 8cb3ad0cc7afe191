from __future__ import annotations

import json

import httpx
import pytest

from serving.dashboard import alert
from serving.dashboard.alert import Alerts
from tests.unit.serving.dashboard.pages import REFUSED, answering

TLS = httpx.create_ssl_context()
BURNING = {
    "labels": {"alertname": "ErrorBudgetBurnsFast", "model": "digits", "severity": "page"},
    "annotations": {"summary": "digits breaks its promise", "description": "5 % failed"},
    "state": "firing",
    "activeAt": "2026-01-02T12:00:00.5Z",
}


def alerts(url: str) -> Alerts:
    return alert.alerts(url, TLS)


def told(*found: object) -> Alerts:
    body = {"status": "success", "data": {"alerts": found}}
    with answering(json.dumps(body).encode()) as url:
        return alerts(url)


def test_what_fires_is_told_and_what_is_pending_is_not() -> None:
    result = told(BURNING, {**BURNING, "state": "pending"})
    (firing,) = result.firing
    assert (firing.name, firing.model, firing.severity) == (
        "ErrorBudgetBurnsFast", "digits", "page",
    )  # fmt: skip
    assert (firing.summary, firing.since) == ("digits breaks its promise", "2026-01-02T12:00:00.5Z")
    assert result.problem == ""


def test_an_alert_may_lack_all_but_its_name() -> None:
    (firing,) = told({"labels": {"alertname": "A"}, "state": "firing"}).firing
    assert (firing.name, firing.severity, firing.summary) == ("A", "", "")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"data": null}', b'{"data": {"alerts": [{"state": "firing"}]}}']
)
def test_an_answer_that_makes_no_sense_is_a_problem(body: bytes) -> None:
    with answering(body) as url:
        found = alerts(url)
    assert found.problem.startswith("malformed answer: ")
    assert found.firing == ()


def test_a_prometheus_that_fails_or_is_not_there_is_a_problem() -> None:
    with answering(b"busy", status=503) as url:
        assert "503" in alerts(url).problem
    assert "ConnectError" in alerts(REFUSED).problem
