from __future__ import annotations

import pytest

from components.cert_manager import NAMESPACE, CertManager, values
from tests.unit import rendered
from tests.unit.components.installing import API_SERVER, INTERNET, around, installed
from tests.unit.components.network import Pod, allowed

POD = Pod(namespace=NAMESPACE)


def test_its_kinds_come_with_it() -> None:
    assert values(around())["crds"] == {"enabled": True}


@pytest.mark.parametrize(("replicas", "budget"), [(1, False), (2, True)])
def test_a_budget_would_keep_the_only_pod_on_its_node(replicas: int, budget: bool) -> None:
    found = values(around(replicas=replicas))
    for part in (found, found["webhook"], found["cainjector"]):
        assert part["replicaCount"] == replicas
        assert part["podDisruptionBudget"] == {"enabled": budget}


def test_its_leader_is_elected_where_it_may_write() -> None:
    assert values(around())["global"]["leaderElection"]["namespace"] == NAMESPACE


def test_only_the_api_server_and_prometheus_ask_it() -> None:
    found = rendered.policies(installed(CertManager))
    assert allowed(found, API_SERVER, POD, 10250)
    assert allowed(found, Pod(namespace="monitoring"), POD, 9402)
    assert not allowed(found, Pod(namespace="tenant-vision"), POD, 10250)
    assert not allowed(found, INTERNET, POD, 10250)


def test_it_asks_the_api_server_alone() -> None:
    found = rendered.policies(installed(CertManager))
    assert allowed(found, POD, "172.20.0.1", 443)
    assert allowed(found, POD, API_SERVER, 443)
    assert not allowed(found, POD, INTERNET, 443)
