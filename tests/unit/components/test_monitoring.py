from __future__ import annotations

from typing import Any

import pytest

from components.grafana_values import Source
from components.monitoring import Monitoring, Password
from components.monitoring_values import Storage
from tests.conftest import Graph
from tests.unit import rendered
from tests.unit.components.examples import ROLE
from tests.unit.components.installing import API_SERVER, INTERNET, around, installed
from tests.unit.components.network import Pod, allowed

PROMETHEUS = Pod(namespace="monitoring", labels={"app.kubernetes.io/name": "prometheus"})
GRAFANA = Pod(namespace="monitoring", labels={"app.kubernetes.io/name": "grafana"})
ALERTMANAGER = Pod(namespace="monitoring", labels={"app.kubernetes.io/name": "alertmanager"})
LOKI = Source(
    type="loki", url="http://loki", namespace="loki", port=3100, headers={"X-Scope-OrgID": "us"}
)


def values(graph: Graph) -> Any:
    return rendered.values_of(graph, "kube-prometheus-stack")


def prometheus(graph: Graph) -> Any:
    return values(graph)["prometheus"]["prometheusSpec"]


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(Monitoring)


@pytest.mark.parametrize("kind", ["podMonitor", "probe", "rule", "scrapeConfig", "serviceMonitor"])
def test_everybodys_monitors_and_rules_are_taken(graph: Graph, kind: str) -> None:
    """OBS-1. By default it heeds only those of its own chart."""
    assert prometheus(graph)[f"{kind}SelectorNilUsesHelmValues"] is False


@pytest.mark.parametrize(
    "part", ["kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler"]
)
def test_what_eks_shows_nobody_is_not_asked(graph: Graph, part: str) -> None:
    """It would be down for ever, and alert."""
    assert values(graph)[part] == {"enabled": False}


@pytest.mark.parametrize("gib", [10, 50, 333])
def test_prometheus_stops_keeping_before_its_volume_is_full(gib: int) -> None:
    spec = prometheus(installed(Monitoring, storage=Storage(gib=gib, retention_days=15)))
    claim = spec["storageSpec"]["volumeClaimTemplate"]["spec"]["resources"]["requests"]
    assert claim == {"storage": f"{gib}Gi"}
    assert 0.7 * gib <= int(spec["retentionSize"].removesuffix("GiB")) < 0.85 * gib
    assert spec["retention"] == "15d"


@pytest.mark.parametrize(("replicas", "budget"), [(1, False), (2, True)])
def test_it_has_as_many_replicas_as_it_must(replicas: int, budget: bool) -> None:
    found = values(installed(Monitoring, surroundings=around(replicas=replicas)))
    assert found["prometheus"]["prometheusSpec"]["replicas"] == replicas
    assert found["alertmanager"]["alertmanagerSpec"]["replicas"] == replicas
    assert found["prometheus"]["podDisruptionBudget"] == {"enabled": budget}


def test_scrapes_are_close_enough_for_a_gate(graph: Graph) -> None:
    """At least four in each window of a promotion."""
    assert prometheus(graph)["scrapeInterval"] == "15s"


def test_people_hear_of_alerts_through_the_topic(graph: Graph) -> None:
    found = values(graph)["alertmanager"]
    receivers = {each["name"]: each for each in found["config"]["receivers"]}
    (topic,) = receivers[found["config"]["route"]["receiver"]]["sns_configs"]
    assert topic["topic_arn"].endswith(":alarms")
    assert topic["sigv4"] == {"region": "us-east-1"}
    assert found["serviceAccount"] == {"name": "alertmanager", "annotations": ROLE}


def test_what_always_fires_is_no_news(graph: Graph) -> None:
    routes = values(graph)["alertmanager"]["config"]["route"]["routes"]
    assert {each["receiver"] for each in routes} == {"null"}
    assert any("Watchdog" in matcher for each in routes for matcher in each["matchers"])


def test_nobody_gets_into_grafana_without_a_name(graph: Graph) -> None:
    settings = values(graph)["grafana"]["grafana.ini"]
    assert settings["auth.anonymous"] == {"enabled": False}
    assert settings["users"] == {"allow_sign_up": False}


def test_no_password_passes_through_the_program(graph: Graph) -> None:
    """Without one of ours the chart draws it, in the cluster."""
    assert "adminPassword" not in values(graph)["grafana"]
    assert "admin" not in values(graph)["grafana"]


def test_grafanas_password_comes_from_secrets_manager_before_grafana_does() -> None:
    graph = installed(Monitoring, password=Password(store="platform", key="serving-test/grafana"))
    secret = rendered.objects(graph, "ExternalSecret")["grafana-admin"]
    assert secret["spec"]["data"][0]["remoteRef"] == {"key": "serving-test/grafana"}
    assert secret["spec"]["target"]["name"] == "grafana-admin"
    assert secret["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert values(graph)["grafana"]["admin"] == {"existingSecret": "grafana-admin"}
    ours = graph.one("kubernetes:external-secrets.io/v1:ExternalSecret")
    assert ours.urn in graph.one(rendered.RELEASE).dependencies
    assert rendered.wrong_objects(graph) == []
    assert rendered.wrong_values(graph) == []


def test_grafana_reads_logs_under_the_name_that_they_are_kept_by() -> None:
    graph = installed(Monitoring, sources={"loki": LOKI})
    (source,) = values(graph)["grafana"]["additionalDataSources"]
    assert source["jsonData"] == {"httpHeaderName1": "X-Scope-OrgID"}
    assert source["secureJsonData"] == {"httpHeaderValue1": "us"}
    assert allowed(rendered.policies(graph), GRAFANA, Pod(namespace="loki"), 3100)


def test_pods_that_see_the_whole_node_lie_apart(graph: Graph) -> None:
    """OBS-12."""
    admitted = {
        each.inputs["metadata"]["name"]: each.inputs["metadata"]["labels"][
            "pod-security.kubernetes.io/enforce"
        ]
        for each in graph.all(rendered.NAMESPACE)
    }
    assert admitted == {"monitoring": "restricted", "node-exporter": "privileged"}
    assert values(graph)["prometheus-node-exporter"]["namespaceOverride"] == "node-exporter"


def test_nodes_and_namespaces_are_known_by_what_dashboards_ask_for(graph: Graph) -> None:
    allowlist = " ".join(values(graph)["kube-state-metrics"]["metricLabelsAllowlist"])
    for label in (
        "workload",
        "node.kubernetes.io/instance-type",
        "nvidia.com/gpu.product",
        "topology.kubernetes.io/zone",
        "tenant",
    ):
        assert label in allowlist


@pytest.mark.parametrize(
    ("source", "to", "port", "expected"),
    [
        (PROMETHEUS, "10.20.7.7", 9100, True),  # a node
        (PROMETHEUS, INTERNET, 443, False),
        (GRAFANA, "10.20.7.7", 9100, False),
        (GRAFANA, PROMETHEUS, 9090, True),
        (GRAFANA, Pod(namespace="loki"), 3100, False),  # nobody named it
        (ALERTMANAGER, INTERNET, 443, True),
        (PROMETHEUS, ALERTMANAGER, 9093, True),
        (API_SERVER, Pod(namespace="monitoring"), 10250, True),
        (Pod(namespace="keda"), PROMETHEUS, 9090, False),  # nobody named it
        (Pod(namespace="tenant-vision"), PROMETHEUS, 9090, False),
        (Pod(namespace="tenant-vision"), GRAFANA, 3000, False),
    ],
)
def test_only_what_it_needs_passes(
    graph: Graph, source: Pod | str, to: Pod | str, port: int, expected: bool
) -> None:
    assert allowed(rendered.policies(graph), source, to, port) is expected


def test_who_scales_by_metrics_may_ask_for_them() -> None:
    found = rendered.policies(installed(Monitoring, readers=["keda"]))
    assert allowed(found, Pod(namespace="keda"), PROMETHEUS, 9090)
    assert not allowed(found, Pod(namespace="keda"), ALERTMANAGER, 9093)
