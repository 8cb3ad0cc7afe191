"""A dashboard as Grafana reads it: questions, two beside each other, and the logs below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Unit: TypeAlias = Literal[
    "bytes", "celsius", "currencyUSD", "ms", "percentunit", "reqps", "s", "short", "watt"
]

PROMETHEUS: Final = {"type": "prometheus", "uid": "prometheus"}
LOKI: Final = {"type": "loki", "uid": "loki"}

WIDTH: Final = 12
HEIGHT: Final = 8


def uid(layer: str) -> str:
    """Of the layer's dashboard; alerts link to it."""
    return f"serving-{layer}"


def address(layer: str) -> str:
    """Below Grafana's own."""
    return f"/d/{uid(layer)}"


@dataclass(frozen=True, kw_only=True)
class Question:
    title: str
    expressions: Mapping[str, str]
    """Legend → PromQL."""
    unit: Unit = "short"


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    uid: str
    title: str
    questions: Sequence[Question]
    logs: str
    """LogQL."""

    def document(self) -> dict[str, Any]:
        rows = (len(self.questions) + 1) // 2
        panels = [_panel(index, each) for index, each in enumerate(self.questions)]
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": ["serving"],
            "schemaVersion": 39,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "panels": [*panels, _logs(len(panels), self.logs, HEIGHT * rows)],
        }


def _panel(index: int, question: Question) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": PROMETHEUS,
            "expr": expression,
            "legendFormat": legend,
        }
        for number, (legend, expression) in enumerate(question.expressions.items())
    ]
    row, column = divmod(index, 2)
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": question.title,
        "datasource": PROMETHEUS,
        "fieldConfig": {"defaults": {"unit": question.unit, "min": 0}, "overrides": []},
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": WIDTH * column, "y": HEIGHT * row},
        "targets": targets,
    }


def _logs(index: int, expression: str, below: int) -> dict[str, Any]:
    return {
        "id": index + 1,
        "type": "logs",
        "title": "What it says",
        "datasource": LOKI,
        "gridPos": {"h": HEIGHT, "w": 2 * WIDTH, "x": 0, "y": below},
        "options": {"sortOrder": "Descending", "wrapLogMessage": True},
        "targets": [{"refId": "A", "datasource": LOKI, "expr": expression}],
    }
