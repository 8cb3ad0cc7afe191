"""What holds for every component that puts something into a cluster."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from components.addon import Addon
from components.external_secrets import ExternalSecrets
from components.gateway import Gateway
from components.model_cache import ModelCache
from components.model_delivery import ModelDelivery
from components.monitoring import Monitoring
from components.node_health import NodeHealth
from tests.conftest import Graph, synthesise
from tests.unit import rendered
from tests.unit.components.examples import EXAMPLES, SURROUNDINGS

INSTALLING = [
    component for component, args in EXAMPLES.items() if getattr(args, "surroundings", None)
]


@cache
def built(component: type[Any]) -> Graph:
    return synthesise(lambda: component("thing", EXAMPLES[component]))


each_component = pytest.mark.parametrize(
    "component", INSTALLING, ids=lambda component: component.__name__
)


@each_component
def test_its_charts_take_every_value_that_is_given(component: type[Any]) -> None:
    assert rendered.wrong_values(built(component)) == []


@each_component
def test_kubernetes_takes_every_object(component: type[Any]) -> None:
    assert rendered.wrong_objects(built(component)) == []


@each_component
def test_nothing_enters_or_leaves_its_namespaces_unnamed(component: type[Any]) -> None:
    graph = built(component)
    namespaces = {each.inputs["metadata"]["name"] for each in graph.all(rendered.NAMESPACE)}
    closed = {
        policy["metadata"]["namespace"]
        for policy in rendered.policies(graph)
        if policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert namespaces
    assert closed == namespaces


MEASURED_BY_OTHERS = {
    Addon: "is nothing by itself",
    ExternalSecrets: "comes before Prometheus, which brings a monitor for it",
    Gateway: "the mesh measures all proxies",
    ModelCache: "says what it copies in its log",
    ModelDelivery: "is over as soon as it is done, and holds the update up until then",
    NodeHealth: "says what it does in its log, and alerts watch what comes of it",
    Monitoring: "measures itself unless it is told not to",
}


@pytest.mark.parametrize(
    "component",
    [each for each in INSTALLING if each not in MEASURED_BY_OTHERS],
    ids=lambda component: component.__name__,
)
def test_it_is_measured(component: type[Any]) -> None:
    """By a monitor of its chart's, or by one of ours where the chart has none."""
    graph = built(component)
    ours = [*rendered.objects(graph, "PodMonitor"), *rendered.objects(graph, "ServiceMonitor")]
    theirs = [
        value
        for release in graph.all(rendered.RELEASE)
        for key, value in _leaves(release.inputs["values"])
        if key[-1] == "enabled" and key[-2].lower() == "servicemonitor"
    ]
    assert ours or theirs
    assert all(theirs)


@each_component
def test_its_pods_run_on_the_nodes_for_them(component: type[Any]) -> None:
    """CLU-4. What belongs on every node runs on every node."""
    on_every_node = {"istio-cni", "alloy"}
    silent = {"istio-base", "karpenter-crd", "thing"}  # without pods
    for release in built(component).all(rendered.RELEASE):
        if release.inputs["name"] in on_every_node | silent:
            continue
        chosen = [
            value
            for key, value in _leaves(release.inputs["values"])
            if key[-2:-1] == ("nodeSelector",)
        ]
        assert chosen, release.name
        assert set(chosen) == set(SURROUNDINGS.node_labels.values())


def _leaves(values: Any, above: tuple[str, ...] = ()) -> Any:
    if isinstance(values, dict):
        for name, value in values.items():
            yield from _leaves(value, (*above, name))
    else:
        yield above, values
