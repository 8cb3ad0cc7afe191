from __future__ import annotations

from typing import Any

import pytest

from components.node_health import NAMESPACE, NodeHealth
from tests.conftest import Graph
from tests.unit import rendered
from tests.unit.components.installing import INTERNET, around, installed
from tests.unit.components.network import Pod, allowed

POD = Pod(namespace=NAMESPACE, labels={"app.kubernetes.io/name": "quarantine"})
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(NodeHealth)


def pod(graph: Graph) -> Any:
    return graph.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]


def test_it_may_change_nodes_and_nothing_else(graph: Graph) -> None:
    """GPU-8, SEC-8."""
    (rule,) = graph.one("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole").inputs["rules"]
    assert rule == {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "patch"]}


def test_only_its_own_service_account_has_that_role(graph: Graph) -> None:
    binding = graph.one("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding").inputs
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "quarantine", "namespace": NAMESPACE}
    ]
    assert pod(graph)["serviceAccountName"] == "quarantine"


def test_its_pod_keeps_the_strictest_security_profile(graph: Graph) -> None:
    (container,) = pod(graph)["containers"]
    assert pod(graph)["securityContext"]["runAsNonRoot"] is True
    assert pod(graph)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_another_script_is_another_config_map(graph: Graph) -> None:
    """Its name is not ours, so that it follows from the content."""
    script = graph.one("kubernetes:core/v1:ConfigMap").inputs
    assert "name" not in script["metadata"]
    assert script["immutable"] is True
    assert script["data"] == {"quarantine.py": "print()"}


@pytest.mark.parametrize(
    ("digests", "image"),
    [
        ({}, "public.ecr.aws/docker/library/python:3.13-slim"),
        (
            {"public.ecr.aws/docker/library/python:3.13-slim": "sha256:ab"},
            "public.ecr.aws/docker/library/python:3.13-slim@sha256:ab",
        ),
    ],
    ids=["tag", "digest"],
)
def test_its_image_goes_by_its_digest_where_it_is_known(
    digests: dict[str, str], image: str
) -> None:
    graph = installed(NodeHealth, surroundings=around(digests=digests))
    assert pod(graph)["containers"][0]["image"] == image


def test_it_asks_the_api_server_and_prometheus_alone(graph: Graph) -> None:
    found = rendered.policies(graph)
    assert allowed(found, POD, "172.20.0.1", 443)
    assert allowed(found, POD, Pod(namespace="monitoring"), 9090)
    assert not allowed(found, POD, INTERNET, 443)
    assert not allowed(found, Pod(namespace="tenant-vision"), POD, 80)
