from __future__ import annotations

import json
import re
from typing import Any

from components.log_agent import NAMESPACE, LogAgent
from components.log_agent_config import events, pod_logs
from tests.unit import rendered
from tests.unit.components.installing import INTERNET, installed
from tests.unit.components.network import Pod, allowed

POD = Pod(namespace=NAMESPACE)
REDACTIONS = {"quotes": r'("[^"\\]*")', "digits": r"(\d+)"}


def values(release: str, **changes: Any) -> Any:
    return rendered.values_of(installed(LogAgent, **changes), release)


def test_pods_on_nodes_with_gpus_are_logged_too() -> None:
    """OBS-21. By the keys of their taints: a toleration of everything would hide a mistake."""
    found = values("alloy", taints=["nvidia.com/gpu", "workload"])["controller"]
    assert found["type"] == "daemonset"
    assert found["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "workload", "operator": "Exists", "effect": "NoSchedule"},
    ]


def test_each_event_is_sent_once() -> None:
    found = values("alloy-events")["controller"]
    assert (found["type"], found["replicas"]) == ("deployment", 1)
    assert "loki.source.kubernetes_events" not in pod_logs("u", "t", {})
    assert "loki.source.kubernetes_events" in events("u", "t", {})


def test_no_agent_reads_secrets() -> None:
    for release in ("alloy", "alloy-events"):
        rbac = values(release)["rbac"]
        rules = [*rbac["rules"], *rbac["clusterRules"]]
        resources = {each for rule in rules for each in rule["resources"]}
        assert resources == {"events", "namespaces", "pods"}
        assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}


def test_a_new_pod_goes_on_where_the_last_one_was() -> None:
    found = values("alloy")
    (volume,) = found["controller"]["volumes"]["extra"]
    (mount,) = found["alloy"]["mounts"]["extra"]
    assert volume["hostPath"]["path"] == mount["mountPath"] == found["alloy"]["storagePath"]
    assert volume["name"] == mount["name"]


def test_every_expression_is_struck_out_of_lines_and_of_events() -> None:
    """SEC-11. Written as the configuration's strings are, which are those of JSON."""
    for text in (pod_logs("u", "t", REDACTIONS), events("u", "t", REDACTIONS)):
        found = re.findall(r'expression = (".*")\n\s*replace\s*= (".*")', text)
        assert [(json.loads(a), json.loads(b)) for a, b in found] == [
            (each, "[redacted]") for each in REDACTIONS.values()
        ]


def test_nothing_is_sent_before_it_was_redacted() -> None:
    """Sources lead to the stage, and the stage alone to Loki."""
    for text in (pod_logs("u", "t", REDACTIONS), events("u", "t", REDACTIONS)):
        targets = re.findall(r"forward_to\s*= \[(.*)\]", text)
        assert targets == ["loki.process.lines.receiver", "loki.write.loki.receiver"]


def test_lines_are_sent_under_the_name_that_they_are_kept_by() -> None:
    text = pod_logs("http://loki.loki.svc:3100", "platform", {})
    assert 'url       = "http://loki.loki.svc:3100/loki/api/v1/push"' in text
    assert 'tenant_id = "platform"' in text


def test_it_speaks_to_loki_and_to_the_api_server_alone() -> None:
    found = rendered.policies(installed(LogAgent))
    assert allowed(found, POD, Pod(namespace="loki"), 3100)
    assert allowed(found, POD, "172.20.0.1", 443)
    assert not allowed(found, POD, INTERNET, 443)
    assert allowed(found, Pod(namespace="monitoring"), POD, 12345)
    assert not allowed(found, Pod(namespace="tenant-vision"), POD, 12345)
