from __future__ import annotations

import json
from typing import Any

import pytest

from serving.errors import InputError
from serving.pools.pool import GpuPool, PerZone
from serving.settings import AwsSettings
from serving.stacks.charts import installed
from serving.stacks.karpenter import alias, limits, pools
from tests.cloud import ACCOUNT
from tests.conftest import Graph
from tests.iam import Call, allows
from tests.resource_policy import verdict
from tests.unit import rendered, stacks
from tests.unit.serving.stacks import variants


def settings(**pools_: Any) -> AwsSettings:
    described = stacks.settings("prod")
    assert isinstance(described, AwsSettings)
    if not pools_:
        return described
    return described.model_copy(update={"pools": {**described.pools, **pools_}})


def graph() -> Graph:
    return variants.graph("karpenter")


def test_karpenter_makes_the_nodes_of_all_pools_but_those_it_runs_on() -> None:
    made = rendered.objects(graph(), "NodePool")
    groups = {each.name for each in graph().all("serving:index:NodeGroup")}
    assert groups == {"system"}
    assert made.keys() | groups == stacks.settings("dev").model_dump()["pools"].keys()


def test_it_is_one_or_the_other() -> None:
    releases = {each.inputs["name"] for each in graph().all(rendered.RELEASE)}
    described = variants.with_karpenter()
    assert isinstance(described, AwsSettings)
    known = {(each.name, each.version) for each in installed(described)}
    assert rendered.charts(graph()) == known
    assert {"karpenter", "karpenter-crd"} <= releases
    assert "cluster-autoscaler" not in releases
    assert rendered.wrong_values(graph()) == []
    # Subnets go by their names here, and in AWS by ids.
    wrong = [each for each in rendered.wrong_objects(graph()) if "subnetSelector" not in each]
    assert wrong == []


def test_no_node_is_made_before_its_gpus_can_be_asked_for() -> None:
    """Pitfall 5: without the device plugin it never counts as done."""
    operator = graph().one(rendered.RELEASE, "gpus-gpu-operator")
    assert operator.urn in graph().one("serving:index:Karpenter").dependencies


def test_its_role_is_bound_to_its_queue_and_to_the_nodes_role() -> None:
    policy = graph().one("aws:iam/rolePolicy:RolePolicy", "karpenter-work").inputs["policy"]
    queue = graph().one("serving:index:InterruptionQueue").outputs
    assert queue is not None
    assert queue["arn"] in policy
    assert "${" not in policy


@pytest.mark.parametrize(
    "action",
    [
        "kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom", "kms:ReEncryptTo",
    ],
)  # fmt: skip
def test_through_ec2_it_may_use_the_key_of_its_nodes_disks(action: str) -> None:
    """By its own document and by the key's: IAM asks both."""
    classes = rendered.objects(graph(), "EC2NodeClass").values()
    disks = [disk["ebs"] for each in classes for disk in each["spec"]["blockDeviceMappings"]]
    (key_arn,) = {disk["kmsKeyID"] for disk in disks}
    own = graph().one("aws:iam/rolePolicy:RolePolicy", "karpenter-work").inputs["policy"]
    of_key = graph().one("aws:kms/key:Key", "keys-volumes").inputs["policy"]
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    for service, allowed in (("ec2", True), ("s3", False)):
        context = {
            "kms:ViaService": f"{service}.us-east-1.amazonaws.com",
            "kms:GrantIsForAWSResource": "true",
        }
        asked = Call(action=action, resource=key_arn, context=context)
        assert allows(json.loads(own), asked) is allowed
        assert (verdict(json.loads(of_key), root, asked) == "allow") is allowed


@pytest.mark.parametrize("name", ["cpu-compute", "gpu", "gpu-vllm", "gpu-vllm-large"])
def test_a_pool_is_what_its_groups_would_be(name: str) -> None:
    described = settings()
    pool, made = described.pools[name], pools(described)[name]
    assert made.instance_types == pool.instance_types
    assert made.labels["workload"] == name
    assert made.root_gib == pool.root_gib
    zones = pool.zones or described.network.zones
    assert made.zones == [f"{described.region}{zone}" for zone in zones]
    assert {taint["key"] for taint in made.taints} == (
        {"workload"} if name == "cpu-compute" else {"nvidia.com/gpu"}
    )


def test_it_grows_no_further_than_the_groups_would() -> None:
    pool = settings().pools["gpu-vllm-large"]  # g5.12xlarge: 48 vCPU, 4 GPUs
    assert limits(pool, 2) == {"cpu": "96", "nvidia.com/gpu": "8"}


@pytest.mark.parametrize(
    ("family", "release", "expected"),
    [
        ("al2023", "1.35.6-20260714", "al2023@v20260714"),
        ("bottlerocket", "1.46.0-1a2b3c4d", "bottlerocket@v1.46.0"),
        ("bottlerocket", "v1.46.0", "bottlerocket@v1.46.0"),
    ],
)
def test_an_image_is_pinned_by_the_name_that_karpenter_has_for_it(
    family: str, release: str, expected: str
) -> None:
    assert alias(family, release) == expected


def test_what_karpenter_cannot_do_is_said_before_it_is_tried() -> None:
    mig = GpuPool(
        kind="gpu",
        instance_types=("p4d.24xlarge",),
        nodes_per_zone=PerZone(min=0, max=1),
        sharing="mig",
        mig_profile="1g.5gb",
    )
    with pytest.raises(InputError, match=r"serving:pools\.gpu-mig\.sharing"):
        pools(settings(**{"gpu-mig": mig}))
