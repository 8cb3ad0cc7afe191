from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.observability import gpus
from serving.observability.alerts import BURNS, alerts, threshold
from tests.contracts import changed, contract

ROOT = Path(__file__).parents[4]
SECTIONS = ["What it means", "First look", "Stop harm", "Cause"]


@given(st.floats(1e-9, 1, exclude_max=True), st.sampled_from([burn.factor for burn in BURNS]))
def test_every_promise_can_be_seen_broken(share: float, factor: float) -> None:
    assert share <= threshold(share, factor) <= 1
    assert threshold(share, factor) < 1 or share > 0.999


def test_a_budget_burns_as_many_times_too_fast_as_it_says() -> None:
    fast, slow = (threshold(0.001, burn.factor) for burn in BURNS)
    assert (fast, slow) == (pytest.approx(0.0144), pytest.approx(0.006))


ALL = [*alerts(contract("scan")), *(rule for rule in gpus.rules() if "alert" in rule)]


@pytest.mark.parametrize("alert", ALL, ids=lambda alert: str(alert["alert"]))
def test_every_alert_has_a_runbook(alert: dict[str, dict[str, str]]) -> None:
    text = (ROOT / alert["annotations"]["runbook"]).read_text(encoding="utf-8")
    assert text.startswith(f"# {alert['alert']}\n")
    assert re.findall(r"^## (.*)$", text, flags=re.M) == SECTIONS


def test_every_runbook_has_an_alert() -> None:
    runbooks = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert runbooks == {alert["alert"] for alert in ALL}


def test_a_teams_own_labels_do_not_hide_whose_alert_it_is() -> None:
    labels = {"on-call": "night", "model": "mine", "severity": "none"}
    for alert in alerts(changed("scan", ("observability", "labels"), labels)):
        assert alert["labels"]["on_call"] == "night"
        assert alert["labels"]["model"] == "scan"
        assert alert["labels"]["tenant"] == "radiology"
        assert alert["labels"]["severity"] in {"page", "ticket"}


def test_the_alert_names_the_promise() -> None:
    summaries = {
        alert["alert"]: alert["annotations"]["summary"] for alert in alerts(contract("scan"))
    }
    assert summaries["LatencyBudgetBurnsFast"].endswith("99 % of requests within 250 ms")
    assert summaries["ErrorBudgetBurnsFast"].endswith("at most 0.1 % of requests fail")
