"""CLU-1..8, CLU-10, CLU-11, ASC-11, GPU-2, GPU-5, GPU-6: nodes of the stacks, and EKS's add-ons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from serving import catalog
from serving.capacity.document import document
from serving.capacity.report import report
from serving.contract.model import Version
from serving.errors import InputError
from serving.instance_types import catalogue
from serving.kubernetes_versions import kubernetes_versions
from serving.pools.node import accelerators
from serving.settings import AwsSettings
from serving.stacks.program import build
from tests.conftest import Graph, Registered, Synth
from tests.unit import stacks

GROUP = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
ADDON = "aws:eks/addon:Addon"

A_DIGEST = f"sha256:{64 * '1'}"
PUBLISHED = Version(digest=A_DIGEST, contract=A_DIGEST, source="somewhere")

GPU = {
    "kind": "gpu",
    "instance_types": ["g5.xlarge"],
    "nodes_per_zone": {"min": 0, "max": 2},
}
SHARED = {
    "gpu-mig": {
        **GPU,
        "instance_types": ["p4d.24xlarge"],
        "sharing": "mig",
        "mig_profile": "1g.5gb",
    },
    "gpu-shared": {**GPU, "sharing": "time-slicing", "time_slices": 4},
    "gpu-rocket": {**GPU, "ami": "bottlerocket", "ami_release": "1.26.1-943d9a41"},
}


@pytest.fixture
def prod() -> Graph:
    return stacks.graph("prod")


def settings(stack: str) -> AwsSettings:
    found = stacks.settings(stack)
    assert isinstance(found, AwsSettings)
    return found


def changed(synth: Synth, **changes: Any) -> Graph:
    described = stacks.settings("dev", **changes)
    known = catalog.load(described.environment)
    return synth(lambda: build(described, known), stack="dev")


def with_pools(synth: Synth, more: Mapping[str, Any]) -> Graph:
    pools = stacks.values("dev")["pools"]
    return changed(synth, pools={**pools, **more})


def groups(graph: Graph, pool: str) -> list[Registered]:
    return [each for each in graph.all(GROUP) if each.parent.rpartition("::")[2] == pool]


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_every_pool_has_a_group_in_each_of_its_zones(stack: str) -> None:
    found = settings(stack)
    wanted = {
        f"{name}-{found.region}{zone}"
        for name, pool in found.pools.items()
        for zone in pool.zones or found.network.zones
    }
    assert {each.name for each in stacks.graph(stack).all(GROUP)} == wanted


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_cpus_and_gpus_are_pools_of_their_own(stack: str) -> None:
    for group in stacks.graph(stack).all(GROUP):
        kinds = [catalogue()[name] for name in group.inputs["instanceTypes"]]
        on_gpu = "nvidia.com/gpu" in {taint["key"] for taint in group.inputs["taints"]}
        assert {bool(kind.gpus) for kind in kinds} == {on_gpu}
        assert group.inputs["amiType"].endswith("NVIDIA" if on_gpu else "STANDARD")
        assert group.inputs["nodeRepairConfig"] == {"enabled": on_gpu}


def test_the_four_pools_of_before_are_there_under_their_labels(prod: Graph) -> None:
    labels = {each.inputs["labels"]["workload"] for each in prod.all(GROUP)}
    assert labels >= {"cpu-compute", "gpu", "gpu-vllm", "gpu-vllm-large"}


def test_every_kind_of_gpu_that_was_asked_for_has_a_pool(prod: Graph) -> None:
    types = {name for each in prod.all(GROUP) for name in each.inputs["instanceTypes"]}
    assert types >= {"g4dn.xlarge", "g5.xlarge", "g5.12xlarge"}


def test_what_prod_is_asked_for_at_once_is_not_on_borrowed_nodes(prod: Graph) -> None:
    assert {each.inputs["capacityType"] for each in prod.all(GROUP)} == {"ON_DEMAND"}


@pytest.mark.parametrize("pool", ["gpu", "gpu-vllm-large"])
def test_gpus_that_nobody_uses_are_given_back(prod: Graph, pool: str) -> None:
    for group in groups(prod, pool):
        assert group.inputs["scalingConfig"]["minSize"] == 0
        tags = group.inputs["tags"]
        offered = accelerators(settings("prod").pools[pool])["nvidia.com/gpu"]
        mark = "k8s.io/cluster-autoscaler/node-template/resources"
        assert tags[f"{mark}/nvidia.com/gpu"] == str(offered)
        assert tags[f"{mark}/ephemeral-storage"].endswith("Gi")


def test_nodes_are_of_the_clusters_version_with_the_image_pinned_for_it(prod: Graph) -> None:
    pinned = kubernetes_versions()["1.35"].al2023
    assert {each.inputs["version"] for each in prod.all(GROUP)} == {"1.35"}
    assert {each.inputs["releaseVersion"] for each in prod.all(GROUP)} == {pinned}
    assert prod.one("eks:index:Cluster").inputs["version"] == "1.35"


def test_all_nodes_have_one_role_and_disks_under_our_key(prod: Graph) -> None:
    assert len({each.inputs["nodeRoleArn"] for each in prod.all(GROUP)}) == 1
    for template in prod.all(TEMPLATE):
        (device,) = template.inputs["blockDeviceMappings"]
        assert ":keys-volumes" in str(device["ebs"]["kmsKeyId"])
        assert device["ebs"]["volumeSize"] >= 100


def test_instances_say_whose_they_are_though_the_providers_tags_do_not_reach_them(
    prod: Graph,
) -> None:
    for template in prod.all(TEMPLATE):
        for kind in template.inputs["tagSpecifications"]:
            assert kind["tags"] == {
                "Name": template.name,
                "Pool": template.name,
                "Project": "serving",
                "Env": "prod",
                "Owner": "platform",
                "CostCenter": "production",
            }


def test_nodes_are_in_private_subnets_of_their_own_zone(prod: Graph) -> None:
    for group in prod.all(GROUP):
        zone = group.name[-len("us-east-1a") :]
        assert group.inputs["subnetIds"] == [f"vpc-private-{zone}"]


def test_each_way_to_share_a_gpu_is_on_the_nodes_labels_and_in_what_they_offer(
    synth: Synth,
) -> None:
    graph = with_pools(synth, SHARED)
    (mig, *_), (shared, *_), (rocket, *_) = (groups(graph, pool) for pool in SHARED)
    mark = "k8s.io/cluster-autoscaler/node-template/resources"
    assert mig.inputs["labels"]["nvidia.com/mig.config"] == "all-1g.5gb"
    assert mig.inputs["tags"][f"{mark}/nvidia.com/mig-1g.5gb"] == "56"
    assert shared.inputs["labels"]["nvidia.com/device-plugin.config"] == "shared-4"
    assert shared.inputs["tags"][f"{mark}/nvidia.com/gpu"] == "4"
    assert rocket.inputs["amiType"] == "BOTTLEROCKET_x86_64_NVIDIA"
    assert rocket.inputs["labels"]["nvidia.com/gpu.deploy.device-plugin"] == "false"


def test_with_karpenter_only_the_systems_nodes_are_in_groups(synth: Synth) -> None:
    cluster = {**stacks.values("dev")["cluster"], "autoscaler": "karpenter"}
    graph = changed(synth, cluster=cluster)
    assert {each.inputs["labels"]["workload"] for each in graph.all(GROUP)} == {"system"}


def addons(graph: Graph) -> Mapping[str, Registered]:
    return {each.inputs["addonName"]: each for each in graph.all(ADDON)}


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_add_ons_are_of_the_versions_pinned_for_the_clusters(stack: str) -> None:
    found = addons(stacks.graph(stack))
    assert found.keys() == {
        "vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver", "aws-efs-csi-driver",
        "metrics-server", "eks-node-monitoring-agent",
    }  # fmt: skip
    pinned = kubernetes_versions()["1.35"].add_ons
    for name, addon in found.items():
        assert addon.inputs["addonVersion"] == pinned[name]


def test_each_add_on_that_asks_aws_has_a_role_of_its_own(prod: Graph) -> None:
    roles = {
        name: addon.inputs["serviceAccountRoleArn"].rpartition(":")[2]
        for name, addon in addons(prod).items()
        if "serviceAccountRoleArn" in addon.inputs
    }
    assert roles == {
        "vpc-cni": "vpc-cni",
        "aws-ebs-csi-driver": "ebs-csi",
        "aws-efs-csi-driver": "efs-csi",
    }


def before(graph: Graph, resource: Registered) -> set[str]:
    """Whatever is there by the time that it is made, and until it is gone: a resource comes after
    its parent, and a parent after what it was told to come after."""
    known = {each.urn: each for each in graph}
    found: set[str] = set()
    nearest = {*resource.dependencies, resource.parent}
    while nearest := {urn for urn in nearest if urn in known} - found:
        found |= nearest
        nearest = {u for urn in nearest for u in (*known[urn].dependencies, known[urn].parent)}
    return {known[urn].name for urn in found}


def test_nodes_come_after_their_network_and_what_needs_nodes_after_them(prod: Graph) -> None:
    names = {each.name for each in prod.all(GROUP)}
    for group in prod.all(GROUP):
        assert before(prod, group) >= {
            "network-vpc-cni", "network-kube-proxy", "vpc-cni-work", "nodes-join", "nodes-pull",
        }  # fmt: skip
    for name in ("coredns", "aws-ebs-csi-driver", "metrics-server"):
        assert names <= before(prod, addons(prod)[name])
    for name in ("vpc-cni", "kube-proxy"):
        assert not names & before(prod, addons(prod)[name])


def test_nodes_find_their_way_out_before_they_are_started(prod: Graph) -> None:
    (group, *_) = prod.all(GROUP)
    ways = {each.name for each in prod.all("aws:ec2/route:Route")}
    ways |= {each.name for each in prod.all("aws:ec2/routeTableAssociation:RouteTableAssociation")}
    ways |= {each.name for each in prod.all("aws:ec2/vpcEndpoint:VpcEndpoint")}
    assert ways <= before(prod, group)


def test_with_pod_identity_its_agent_is_there_and_add_ons_are_told_no_role(synth: Synth) -> None:
    cluster = {**stacks.values("dev")["cluster"], "identity": "pod-identity"}
    graph = changed(synth, cluster=cluster)
    agent = addons(graph)["eks-pod-identity-agent"]
    assert not [each for each in graph.all(ADDON) if "serviceAccountRoleArn" in each.inputs]
    for group in graph.all(GROUP):
        assert agent.name in before(graph, group)


def test_cloudwatch_is_asked_only_where_it_is_wanted(synth: Synth) -> None:
    cluster = {**stacks.values("dev")["cluster"], "cloudwatch": True}
    graph = changed(synth, cluster=cluster)
    addon = addons(graph)["amazon-cloudwatch-observability"]
    assert json.loads(addon.inputs["configurationValues"])["containerLogs"] == {"enabled": False}
    group = graph.one("aws:cloudwatch/logGroup:LogGroup", "container-insights").inputs
    assert group["name"] == "/aws/containerinsights/serving-dev/performance"
    assert group["retentionInDays"] == 14
    assert ":keys-logs" in str(group["kmsKeyId"])
    trust = json.loads(graph.one("aws:iam/role:Role", "cloudwatch").inputs["assumeRolePolicy"])
    assert "system:serviceaccount:amazon-cloudwatch:cloudwatch-agent" in json.dumps(trust)
    assert "container-insights" in before(graph, addon)


def test_add_ons_are_there_until_the_last_of_what_runs_on_them_is_gone(prod: Graph) -> None:
    names = {each.name for each in prod.all(GROUP)}
    releases = prod.all("kubernetes:helm.sh/v3:Release")
    assert releases
    for release in releases:
        assert names | {"system-coredns", "system-aws-ebs-csi-driver"} <= before(prod, release)


def test_the_stack_exports_what_fits_on_its_nodes_and_what_they_cost(synth: Synth) -> None:
    described, known = settings("dev"), catalog.load("dev")
    outputs: list[Any] = []
    synth(lambda: outputs.append(build(described, known)), stack="dev")
    assert outputs[0]["capacity"] == document(report(described, known))


def test_no_model_takes_traffic_that_no_node_can_run(synth: Synth) -> None:
    """CTR-6."""
    pools = stacks.values("dev")["pools"]
    pools["gpu-vllm"]["instance_types"] = ["g4dn.xlarge"]
    described = stacks.settings("dev", pools=pools, releases={"assistant": {"stable": 1}})
    known = catalog.load("dev")
    model = known.models["assistant"]
    published = model.model_copy(update={"versions": {1: PUBLISHED}})
    some = replace(known, models={**known.models, "assistant": published})
    with pytest.raises(InputError, match="serving:pools: model assistant: fits no pool: gpu-vllm"):
        synth(lambda: build(described, some), stack="dev")


@pytest.mark.parametrize("version", kubernetes_versions())
def test_the_network_add_on_knows_the_cluster_that_its_role_is_for(version: str) -> None:
    """By CLUSTER_NAME: EKS tells it since this version at the latest, and takes it from nobody."""
    pinned = kubernetes_versions()[version].add_ons["vpc-cni"]
    assert [int(part) for part in pinned.split("-")[0].removeprefix("v").split(".")] >= [1, 18, 1]
    configured = stacks.graph("prod").one(ADDON, "network-vpc-cni").inputs["configurationValues"]
    assert "CLUSTER_NAME" not in json.loads(configured)["env"]
