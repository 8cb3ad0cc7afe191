from __future__ import annotations

from components.dashboards import Dashboards, DashboardsArgs
from tests.conftest import Synth
from tests.unit import rendered


def test_grafana_finds_every_dashboard_by_its_label(synth: Synth) -> None:
    args = DashboardsArgs(namespace="monitoring", documents={"gpu": "{}", "node": "[]"})
    graph = synth(lambda: Dashboards("layers", args))
    found = graph.all("kubernetes:core/v1:ConfigMap")
    assert [each.inputs["metadata"]["name"] for each in found] == ["layers-gpu", "layers-node"]
    assert [each.inputs["data"] for each in found] == [{"gpu.json": "{}"}, {"node.json": "[]"}]
    for each in found:
        assert each.inputs["metadata"]["labels"] == {"grafana_dashboard": "1"}
        assert each.inputs["metadata"]["namespace"] == "monitoring"
    assert rendered.wrong_objects(graph) == []
