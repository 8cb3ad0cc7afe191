"""CLU-5, ASC-11: a pool is a managed group in each zone, safe and right as it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.node_group import NodeGroup, NodeGroupArgs, autoscaler_tags
from tests.conftest import Graph, Synth
from tests.unit.components.examples import EXAMPLES, ZONES

GROUP = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"

EXAMPLE = EXAMPLES[NodeGroup]
assert isinstance(EXAMPLE, NodeGroupArgs)
RESERVED = {
    "reservation": "cr-0123456789abcdef0",
    "subnets": {ZONES[0]: "subnet-a"},
    "instance_types": ("p5.48xlarge",),
}


def built(synth: Synth, **changes: Any) -> Graph:
    return synth(lambda: NodeGroup("gpu", replace(EXAMPLE, **changes)))


def group(synth: Synth, **changes: Any) -> Any:
    return built(synth, **changes).one(GROUP, f"gpu-{ZONES[0]}").inputs


def template(synth: Synth, **changes: Any) -> Any:
    return built(synth, **changes).one(TEMPLATE).inputs


def test_each_zone_has_a_group_so_that_one_without_capacity_holds_up_no_other(synth: Synth) -> None:
    groups = built(synth).all(GROUP)
    assert {each.name: each.inputs["subnetIds"] for each in groups} == {
        f"gpu-{zone}": [f"subnet-{zone}"] for zone in ZONES
    }


def test_adding_a_zone_touches_no_group_that_was_there(synth: Synth) -> None:
    more = built(synth, subnets={**EXAMPLE.subnets, "us-east-1c": "subnet-c"})
    before = {each.name: each.inputs for each in built(synth).all(GROUP)}
    after = {each.name: each.inputs for each in more.all(GROUP)}
    assert before.items() <= after.items()


def test_types_are_tried_in_their_order(synth: Synth) -> None:
    assert group(synth)["instanceTypes"] == ["g6.xlarge", "g5.xlarge"]


def test_a_group_begins_at_its_smallest_and_whoever_scales_it_is_left_to(synth: Synth) -> None:
    assert group(synth, min_size=1, max_size=3)["scalingConfig"] == {
        "minSize": 1,
        "maxSize": 3,
        "desiredSize": 1,
    }


def test_image_kubernetes_and_template_are_pinned(synth: Synth) -> None:
    inputs = group(synth)
    assert inputs["amiType"] == "AL2023_x86_64_NVIDIA"
    assert inputs["version"] == "1.35"
    assert inputs["releaseVersion"] == "1.35.6-20260714"
    assert inputs["launchTemplate"] == {"id": "gpu", "version": "1"}


def test_an_update_takes_one_node_at_a_time(synth: Synth) -> None:
    assert group(synth)["updateConfig"] == {"maxUnavailable": 1}


@pytest.mark.parametrize("repair", [True, False])
def test_unhealthy_nodes_are_replaced_where_that_is_asked_for(synth: Synth, repair: bool) -> None:
    assert group(synth, repair=repair)["nodeRepairConfig"] == {"enabled": repair}


def test_labels_and_taints_are_on_the_nodes_from_their_first_moment(synth: Synth) -> None:
    inputs = group(synth, labels={"workload": "gpu"}, taints={"nvidia.com/gpu": "true"})
    assert inputs["labels"] == {"workload": "gpu"}
    assert inputs["taints"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}]


def test_what_an_empty_groups_nodes_would_offer_is_on_its_tags(synth: Synth) -> None:
    tags = group(synth, resources={"nvidia.com/gpu": "4", "ephemeral-storage": "100Gi"})["tags"]
    prefix = "k8s.io/cluster-autoscaler/node-template/resources"
    assert tags == {f"{prefix}/nvidia.com/gpu": "4", f"{prefix}/ephemeral-storage": "100Gi"}


@given(
    resources=st.dictionaries(
        st.sampled_from(["nvidia.com/gpu", "nvidia.com/mig-1g.5gb", "ephemeral-storage"]),
        st.integers(1, 10**6).map(str),
    )
)
def test_the_autoscaler_reads_back_what_was_said(resources: dict[str, str]) -> None:
    """As `extractAllocatableResourcesFromTags` of the autoscaler splits a tag's key."""
    tags = autoscaler_tags(replace(EXAMPLE, resources=resources))
    mark = "k8s.io/cluster-autoscaler/node-template/resources/"
    assert {key.split(mark)[1]: value for key, value in tags.items()} == resources
    assert all(len(key) <= 128 for key in tags)


def test_the_disk_has_room_for_images_and_is_encrypted_with_our_key(synth: Synth) -> None:
    (device,) = template(synth, root_gib=200)["blockDeviceMappings"]
    assert device == {
        "deviceName": "/dev/xvda",
        "ebs": {
            "volumeType": "gp3",
            "volumeSize": 200,
            "encrypted": "true",
            "kmsKeyId": EXAMPLE.volume_key_arn,
            "deleteOnTermination": "true",
        },
    }


def test_no_pod_gets_the_nodes_role_from_the_instances_metadata(synth: Synth) -> None:
    options = template(synth)["metadataOptions"]
    assert options["httpTokens"] == "required"
    assert options["httpPutResponseHopLimit"] == 1


def test_nobody_can_log_in_to_a_node(synth: Synth) -> None:
    graph = built(synth)
    assert "keyName" not in graph.one(TEMPLATE).inputs
    assert not [each for each in graph.all(GROUP) if "remoteAccess" in each.inputs]


def test_what_a_group_launches_says_whose_it_is(synth: Synth) -> None:
    said = template(synth, instance_tags={"Env": "prod", "Pool": "gpu"})["tagSpecifications"]
    assert {each["resourceType"] for each in said} == {"instance", "volume", "network-interface"}
    for each in said:
        assert each["tags"] == {"Name": "gpu", "Env": "prod", "Pool": "gpu"}


@pytest.mark.parametrize(
    ("changes", "on_eks"),
    [
        ({}, "ON_DEMAND"),
        ({"capacity_type": "spot"}, "SPOT"),
        ({"capacity_type": "reservation", **RESERVED}, "ON_DEMAND"),
        ({"capacity_type": "block", **RESERVED}, "CAPACITY_BLOCK"),
    ],
)
def test_capacity_is_bought_as_asked(synth: Synth, changes: dict[str, Any], on_eks: str) -> None:
    assert group(synth, **changes)["capacityType"] == on_eks


def test_reserved_nodes_come_from_their_reservation_alone(synth: Synth) -> None:
    reserved = template(synth, capacity_type="reservation", **RESERVED)
    assert reserved["capacityReservationSpecification"] == {
        "capacityReservationTarget": {"capacityReservationId": "cr-0123456789abcdef0"}
    }
    assert "instanceMarketOptions" not in reserved
    assert "capacityReservationSpecification" not in template(synth)


def test_a_blocks_type_and_market_stand_in_the_template(synth: Synth) -> None:
    graph = built(synth, capacity_type="block", **RESERVED)
    assert graph.one(TEMPLATE).inputs["instanceType"] == "p5.48xlarge"
    assert graph.one(TEMPLATE).inputs["instanceMarketOptions"] == {"marketType": "capacity-block"}
    assert "instanceTypes" not in graph.one(GROUP).inputs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subnets": {}}, "subnets must be of one zone or more"),
        ({"min_size": 3, "max_size": 2}, "sizes must be 0 ≤ min_size ≤ max_size, got 3 and 2"),
        ({"max_size": 0}, "sizes must be"),
        ({"root_gib": 20}, "root_gib must be at least 100, got 20"),
        ({"capacity_type": "reservation"}, "go together"),
        ({"reservation": "cr-1"}, "go together"),
        (
            {**RESERVED, "capacity_type": "block", "instance_types": ("a", "b")},
            "one zone and one instance type",
        ),
    ],
)
def test_a_group_that_aws_would_refuse_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(EXAMPLE, **changes)
