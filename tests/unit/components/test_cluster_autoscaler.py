from __future__ import annotations

from typing import Any

from components.cluster_autoscaler import ClusterAutoscaler
from tests.unit import rendered
from tests.unit.components.examples import ROLE
from tests.unit.components.installing import installed


def values(**changes: Any) -> Any:
    return rendered.values_of(installed(ClusterAutoscaler, **changes), "cluster-autoscaler")


def test_it_finds_the_groups_of_its_own_cluster() -> None:
    found = values()
    assert found["autoDiscovery"] == {"clusterName": "serving-test"}
    assert found["awsRegion"] == "us-east-1"


def test_its_service_account_carries_its_role_and_no_key() -> None:
    found = values()
    assert found["rbac"]["serviceAccount"] == {"name": "cluster-autoscaler", "annotations": ROLE}
    assert not [key for key in found if "AccessKey" in key]


def test_zones_do_not_drift_apart_and_the_fitting_pool_grows() -> None:
    arguments = values()["extraArgs"]
    assert arguments["balance-similar-node-groups"] is True
    assert arguments["expander"] == "least-waste"
