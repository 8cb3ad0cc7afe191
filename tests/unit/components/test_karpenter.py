from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.karpenter import Karpenter
from components.karpenter_pool import KarpenterPool, NodeTemplate, node_class, node_pool
from tests import crds
from tests.conftest import Graph
from tests.unit import rendered
from tests.unit.components.examples import ROLE, key
from tests.unit.components.installing import installed

NODES = NodeTemplate(
    role="nodes",
    subnets={"a": "subnet-a", "b": "subnet-b"},
    security_group="sg-1",
    volume_key_arn="arn:key",
    tags={},
)


def pool(**changes: Any) -> KarpenterPool:
    described: dict[str, Any] = {
        "instance_types": ["g6.xlarge", "g5.xlarge"],
        "capacity": ["spot"],
        "ami": "al2023@v20260714",
        "root_device": "/dev/xvda",
        "root_gib": 150,
        "max_pods": 110,
        "zones": ["us-east-1a"],
        "labels": {"workload": "gpu"},
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
        "limits": {"nvidia.com/gpu": "4"},
    }
    return KarpenterPool(**(described | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"capacity": ["reserved"], "reservations": ["cr-0123456789abcdef0"]},
        {"local_disks": True, "capacity": ["on-demand", "spot"]},
        {"ami": "bottlerocket@v1.46.0", "root_device": "/dev/xvdb", "taints": []},
        {"limits": {"cpu": "96", "nvidia.com/gpu": "8"}, "zones": ["us-east-1a", "us-east-1b"]},
    ],
    ids=["spot", "reserved", "local disks", "bottlerocket", "zones"],
)
def test_karpenter_takes_every_pool(changes: dict[str, Any]) -> None:
    """By the definitions of its own version."""
    nodes = replace(NODES, volume_key_arn=key("volumes"), tags={"Env": "test", "Pool": "gpu"})
    described = [
        ("karpenter.k8s.aws/v1", "EC2NodeClass", node_class(nodes, pool(**changes))),
        ("karpenter.sh/v1", "NodePool", node_pool("gpu", pool(**changes))),
    ]
    for version, kind, spec in described:
        object_ = {"apiVersion": version, "kind": kind, "metadata": {"name": "gpu"}, "spec": spec}
        assert crds.errors(object_) == []


def test_what_it_would_not_take_is_noticed() -> None:
    spec = node_class(NODES, pool(capacity=["reserved"], reservations=["reservation"]))
    described = {"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "spec": spec}
    (wrong,) = crds.errors({**described, "metadata": {"name": "gpu"}})
    assert "capacityReservationSelectorTerms[0].id" in wrong


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(Karpenter)


def test_it_knows_its_cluster_and_hears_of_nodes_that_are_taken_back(graph: Graph) -> None:
    values = rendered.values_of(graph, "karpenter")
    assert values["settings"]["clusterName"] == "serving-test"
    assert values["settings"]["interruptionQueue"] == "serving-test"
    assert values["serviceAccount"] == {"name": "karpenter", "annotations": ROLE}


def test_broken_nodes_are_replaced(graph: Graph) -> None:
    """GPU-8."""
    gates = rendered.values_of(graph, "karpenter")["settings"]["featureGates"]
    assert gates == {"nodeRepair": True}


def test_its_pools_go_before_it_does_and_their_nodes_with_them(graph: Graph) -> None:
    """Pitfall 29: nodes that it made outlive it unless it takes them away itself."""
    release = graph.one(rendered.RELEASE, "thing-karpenter")
    nodes = graph.one("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", "thing-gpu-nodes")
    made = graph.one("kubernetes:karpenter.sh/v1:NodePool", "thing-gpu")
    assert release.urn in nodes.dependencies
    assert nodes.urn in made.dependencies
    assert graph.one(rendered.RELEASE, "thing-karpenter-crd").urn in release.dependencies


def test_a_nodes_metadata_is_for_the_node_alone() -> None:
    options = node_class(NODES, pool())["metadataOptions"]
    assert options == {"httpTokens": "required", "httpPutResponseHopLimit": 1}


def test_a_nodes_disk_is_large_enough_and_encrypted() -> None:
    (disk,) = node_class(NODES, pool())["blockDeviceMappings"]
    assert disk["ebs"]["volumeSize"] == "150Gi"
    assert disk["ebs"]["encrypted"] is True
    assert disk["ebs"]["kmsKeyID"] == "arn:key"


def test_nodes_are_in_every_zone_and_in_none_of_others_subnets() -> None:
    terms = node_class(NODES, pool())["subnetSelectorTerms"]
    assert terms == [{"id": "subnet-a"}, {"id": "subnet-b"}]


def test_disks_of_the_node_itself_are_used_where_it_has_some() -> None:
    assert node_class(NODES, pool(local_disks=True))["instanceStorePolicy"] == "RAID0"
    assert "instanceStorePolicy" not in node_class(NODES, pool())


def test_what_was_reserved_is_used() -> None:
    spec = node_class(NODES, pool(capacity=["reserved"], reservations=["cr-1"]))
    assert spec["capacityReservationSelectorTerms"] == [{"id": "cr-1"}]
    assert "capacityReservationSelectorTerms" not in node_class(NODES, pool())


def test_a_pool_is_what_was_described() -> None:
    spec = node_pool("gpu", pool())
    template = spec["template"]
    assert template["metadata"]["labels"] == {"workload": "gpu"}
    assert [each["key"] for each in template["spec"]["taints"]] == ["nvidia.com/gpu"]
    assert {each["key"]: each["values"] for each in template["spec"]["requirements"]} == {
        "node.kubernetes.io/instance-type": ["g6.xlarge", "g5.xlarge"],
        "karpenter.sh/capacity-type": ["spot"],
        "topology.kubernetes.io/zone": ["us-east-1a"],
    }
    assert spec["limits"] == {"nvidia.com/gpu": "4"}


def test_a_loaded_model_is_not_moved_to_save_a_little() -> None:
    disruption = node_pool("gpu", pool())["disruption"]
    assert disruption["consolidationPolicy"] == "WhenEmpty"
    assert disruption["budgets"] == [{"nodes": "1"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ami": "al2023@latest"}, "ami must name a version"),
        ({"ami": "al2023"}, "ami must name a version"),
        ({"limits": {}}, "limits must name a resource"),
    ],
)
def test_what_would_change_or_grow_by_itself_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        pool(**changes)
