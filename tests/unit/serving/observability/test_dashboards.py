from __future__ import annotations

import re
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from serving.observability import costs, gpus
from serving.observability.alerts import alerts
from serving.observability.dashboard import Dashboard, address
from serving.observability.dashboards import LAYERS
from serving.observability.rules import FAILED, REQUESTS, SLOW, WINDOWS
from tests.contracts import contract
from tests.unit.serving.capacity.pools import pool

NAMES = Path(__file__).parents[3] / "fixtures" / "metric-names.txt"
COUNTERS = Path(__file__).parents[4] / "platform" / "serving" / "data" / "dcgm_counters.csv"

WORDS = {
    "and", "avg", "avg_over_time", "bool", "by", "group_left", "group_right",
    "histogram_quantile", "increase", "label_replace", "max", "on", "or", "rate", "sum", "unless",
    "vector",
}  # fmt: skip

RULES = [*gpus.rules(), *costs.rules([pool("cpu", "c7i.2xlarge")])]


def lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@cache
def known() -> frozenset[str]:
    """What programs expose, what the exporter is told to measure, and what rules record."""
    ours = {f"{name}{window}" for name in (REQUESTS, FAILED, SLOW) for window in WINDOWS}
    measured = {line.split(",")[0].strip() for line in lines(COUNTERS)}
    gpu_names = {name for name in lines(NAMES) if not name.startswith("DCGM_")} | measured
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    return frozenset(gpu_names | ours | recorded)


def metrics(expression: str) -> set[str]:
    """Names in it that are neither labels nor words of the language."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on|group_left|group_right) \([^)]*\)", "", bare)
    return {name for name in re.findall(r"(?<![\w.])[a-zA-Z_:][\w:]*", bare) if name not in WORDS}


EXPRESSIONS = {
    f"{layer}: {question.title}, {legend}": expression
    for layer, dashboard in LAYERS.items()
    for question in dashboard.questions
    for legend, expression in question.expressions.items()
} | {f"rule {index}": rule["expr"] for index, rule in enumerate(RULES)}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_it_asks_for_metrics_that_there_are(expression: str) -> None:
    found = metrics(expression)
    assert found
    assert found <= known()


def test_a_metric_that_nobody_has_would_be_noticed() -> None:
    assert metrics('sum by (a) (rate(no_such_total{b="c"}[5m])) > bool 0') == {"no_such_total"}


def test_there_is_one_for_each_layer_that_can_fail() -> None:
    """OBS-15."""
    assert list(LAYERS) == ["gateway", "mesh", "service", "server", "gpu", "node", "storage"]


ALERTS = [*alerts(contract("scan")), *(rule for rule in gpus.rules() if "alert" in rule)]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_every_alert_leads_to_the_dashboard_of_its_layer(alert: dict[str, Any]) -> None:
    """OBS-15."""
    addresses = {address(layer): each for layer, each in LAYERS.items()}
    found = addresses[alert["annotations"]["dashboard"]]
    layer = alert["labels"].get("layer")
    assert layer is None or LAYERS[layer] is found


def panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dashboard.document()["panels"]
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_no_panel_hides_another(layer: str) -> None:
    places = [panel["gridPos"] for panel in panels(LAYERS[layer])]
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below
    assert all(place["x"] + place["w"] <= 24 for place in places)


@pytest.mark.parametrize("layer", LAYERS)
def test_metrics_and_logs_stand_side_by_side(layer: str) -> None:
    """OBS-16."""
    kinds = {panel["datasource"]["type"] for panel in panels(LAYERS[layer])}
    assert kinds == {"prometheus", "loki"}
    ids = [panel["id"] for panel in panels(LAYERS[layer])]
    assert len(ids) == len(set(ids))


def test_each_is_found_at_an_address_of_its_own() -> None:
    uids = [each.document()["uid"] for each in LAYERS.values()]
    assert [f"/d/{uid}" for uid in uids] == [address(layer) for layer in LAYERS]
