from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.argo_cd import Application, ArgoCd, ArgoCdArgs
from tests.conftest import Graph
from tests.unit import rendered
from tests.unit.components.examples import EXAMPLES
from tests.unit.components.installing import installed

REPOSITORY = "https://git.example.com/platform"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(
        ArgoCd,
        applications={
            "vision": Application(path="gitops/vision", namespace="tenant-vision"),
            "shop": Application(path="gitops/shop", namespace="tenant-shop"),
        },
    )


def project(graph: Graph) -> Any:
    return rendered.objects(graph, "AppProject")["platform"]["spec"]


def application(graph: Graph) -> Any:
    return rendered.objects(graph, "Application")["vision"]["spec"]


def test_a_push_to_the_branch_is_what_the_cluster_becomes(graph: Graph) -> None:
    """GIT-1."""
    found = application(graph)
    assert found["source"] == {
        "repoURL": REPOSITORY, "targetRevision": "main", "path": "gitops/vision",
    }  # fmt: skip
    assert found["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}
    assert found["destination"]["namespace"] == "tenant-vision"


def test_it_delivers_from_one_repository_into_the_namespaces_it_is_for(graph: Graph) -> None:
    assert project(graph)["sourceRepos"] == [REPOSITORY]
    assert [each["namespace"] for each in project(graph)["destinations"]] == [
        "tenant-shop", "tenant-vision",
    ]  # fmt: skip
    assert project(graph)["clusterResourceWhitelist"] == []


def test_it_cannot_loosen_what_holds_a_tenant(graph: Graph) -> None:
    refused = {each["kind"] for each in project(graph)["namespaceResourceBlacklist"]}
    assert {"ResourceQuota", "LimitRange", "NetworkPolicy", "RoleBinding"} <= refused


@pytest.mark.parametrize(("group", "kind"), [
    ("networking.k8s.io", "Ingress"),
    ("networking.istio.io", "*"),
    ("security.istio.io", "*"),
    ("elbv2.k8s.aws", "*"),
])  # fmt: skip
def test_it_cannot_take_the_requests_of_another_tenants_host(
    graph: Graph, group: str, kind: str
) -> None:
    """Routes of one host are merged, and the older one has its way. So weights are never its."""
    assert {"group": group, "kind": kind} in project(graph)["namespaceResourceBlacklist"]


def test_it_does_not_undo_what_scaling_decides(graph: Graph) -> None:
    """Pitfall 20: healing reverts replicas."""
    ignored = {each["kind"]: each for each in application(graph)["ignoreDifferences"]}
    assert ignored["Deployment"]["jsonPointers"] == ["/spec/replicas"]
    assert "RespectIgnoreDifferences=true" in application(graph)["syncPolicy"]["syncOptions"]


def test_nobody_is_its_administrator_by_a_password(graph: Graph) -> None:
    values = rendered.values_of(graph, "argo-cd")
    assert values["configs"] == {"cm": {"admin.enabled": False}}
    assert values["dex"] == {"enabled": False}


def test_a_repository_without_tls_is_refused() -> None:
    args = EXAMPLES[ArgoCd]
    assert isinstance(args, ArgoCdArgs)
    with pytest.raises(ValueError, match="https"):
        replace(args, repository="http://git.example.com/platform")
