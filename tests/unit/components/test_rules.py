from __future__ import annotations

from components.rules import Rules, RulesArgs
from tests.conftest import Synth
from tests.unit import rendered

GROUP = {"name": "serving-digits", "rules": [{"record": "serving:one", "expr": "vector(1)"}]}


def test_the_operator_finds_them_by_their_kind(synth: Synth) -> None:
    graph = synth(lambda: Rules("digits", RulesArgs(namespace="tenant-vision", groups=[GROUP])))
    (found,) = graph.all("kubernetes:monitoring.coreos.com/v1:PrometheusRule")
    assert found.inputs["metadata"] == {"name": "digits", "namespace": "tenant-vision"}
    assert found.inputs["spec"] == {"groups": [GROUP]}
    assert rendered.wrong_objects(graph) == []
