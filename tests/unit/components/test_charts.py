"""The table of charts beside what their projects publish."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from components import charts
from components.charts import Chart
from tests.charts import facts, published

FLOORS: Final = Path(__file__).parents[2] / "fixtures" / "floors.json"

CHARTS: Final = {name: each for name, each in vars(charts).items() if isinstance(each, Chart)}


def floors() -> dict[str, tuple[int, ...]]:
    told = json.loads(FLOORS.read_text(encoding="utf-8"))
    return {each["name"]: numbers(each["floor"]) for each in told["components"]}


def numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"v?([0-9]+(?:\.[0-9]+)*)", version)
    assert found, version
    return tuple(map(int, found[1].split(".")))


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_every_chart_is_one_that_was_published_there(chart: Chart) -> None:
    known = published()[(chart.name, chart.version)]
    address = (
        f"{chart.repository}/{chart.name}" if "oci://" in chart.repository else chart.repository
    )
    assert address in re.split(r"[ |]+", known.published)


def test_istio_is_of_one_version() -> None:
    istio = {each.version for name, each in CHARTS.items() if name.startswith("ISTIO")}
    assert len(istio) == 1


def test_karpenters_definitions_are_those_of_its_version() -> None:
    assert charts.KARPENTER.version == charts.KARPENTER_CRDS.version


def test_the_gpu_operator_is_not_below_its_floor() -> None:
    assert numbers(charts.GPU_OPERATOR.version) >= floors()["gpu-operator"]


@pytest.mark.parametrize(
    ("part", "component", "which"),
    [
        ("devicePlugin", "nvidia-device-plugin", 0),
        ("toolkit", "nvidia-container-toolkit", 0),
        ("dcgmExporter", "dcgm", 0),
        ("dcgmExporter", "dcgm-exporter", 1),
    ],
)
def test_nor_is_what_the_gpu_operator_brings(part: str, component: str, which: int) -> None:
    """The exporter's version is that of DCGM and its own, `4.5.3-4.8.2-distroless`."""
    brought: dict[str, Any] = facts("gpu-operator").told["values"][part]
    assert numbers(brought["version"].split("-")[which]) >= floors()[component]
