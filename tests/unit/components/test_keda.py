from __future__ import annotations

from typing import Any

import pytest

from components.keda import NAMESPACE, Keda
from tests.unit import rendered
from tests.unit.components.examples import ROLE
from tests.unit.components.installing import API_SERVER, INTERNET, around, installed
from tests.unit.components.network import Pod, allowed

POD = Pod(namespace=NAMESPACE)


def values(**changes: Any) -> Any:
    return rendered.values_of(installed(Keda, **changes), "keda")


@pytest.mark.parametrize(("replicas", "budget"), [(1, {}), (2, {"maxUnavailable": 1})])
def test_scaling_survives_a_node(replicas: int, budget: dict[str, int]) -> None:
    """ASC-1."""
    found = values(surroundings=around(replicas=replicas))
    parts = ("operator", "metricsServer", "webhooks")
    assert {found[part]["replicaCount"] for part in parts} == {replicas}
    assert list(found["podDisruptionBudget"].values()) == [budget] * 3


def test_its_operator_has_its_role_and_no_key() -> None:
    assert values()["serviceAccount"]["operator"] == {"name": "keda-operator", "annotations": ROLE}


def test_it_reads_no_secrets_of_others() -> None:
    assert values()["permissions"] == {"operator": {"restrict": {"secret": True}}}


def test_all_its_parts_are_measured() -> None:
    assert set(values()["prometheus"]) == {"operator", "metricServer", "webhooks"}


@pytest.mark.parametrize(
    ("source", "to", "port", "expected"),
    [
        (POD, Pod(namespace="monitoring"), 9090, True),
        (POD, INTERNET, 443, True),
        (POD, POD, 9666, True),
        (API_SERVER, POD, 6443, True),
        (API_SERVER, POD, 9443, True),
        (Pod(namespace="tenant-vision"), POD, 9666, False),
        (POD, Pod(namespace="tenant-vision"), 8000, False),
    ],
)
def test_only_what_it_needs_passes(
    source: Pod | str, to: Pod | str, port: int, expected: bool
) -> None:
    assert allowed(rendered.policies(installed(Keda)), source, to, port) is expected
