"""A pool of equal nodes: a managed group in each zone, all from one launch template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import pulumi
import pulumi_aws as aws

from components.node_image import Image, image_type, root_device, user_data

CapacityType: TypeAlias = Literal["on-demand", "spot", "reservation", "block"]

MOST_AT_ONCE: Final = 1
"""Nodes of a group that an update takes away together."""

ON_EKS: Final[Mapping[CapacityType, str]] = {
    "on-demand": "ON_DEMAND",
    "spot": "SPOT",
    "reservation": "ON_DEMAND",
    "block": "CAPACITY_BLOCK",
}

RESOURCES: Final = "k8s.io/cluster-autoscaler/node-template/resources"
"""Tags that tell the autoscaler what it cannot know of a node that is not there."""


@dataclass(frozen=True, kw_only=True)
class NodeGroupArgs:
    cluster_name: pulumi.Input[str]
    kubernetes_version: str
    role_arn: pulumi.Input[str]
    subnets: Mapping[str, pulumi.Input[str]]
    """Zone → subnet of its nodes."""
    instance_types: Sequence[str]
    """In the order in which they are tried."""
    min_size: int
    """In each zone."""
    max_size: int
    """In each zone."""
    capacity_type: CapacityType = "on-demand"
    reservation: str | None = None
    """Id of the capacity reservation or the capacity block."""
    image: Image
    root_gib: int = 100
    volume_key_arn: pulumi.Input[str]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Mapping[str, str] = field(default_factory=dict)
    """Key → value; what does not tolerate them is not scheduled."""
    resources: Mapping[str, str] = field(default_factory=dict)
    """What pods can ask for beside CPU and memory → how much of it a node has."""
    repair: bool = False
    """Whether EKS replaces a node that stays unhealthy."""
    instance_tags: Mapping[str, str] = field(default_factory=dict)
    """The provider's own do not reach what a group launches."""

    def __post_init__(self) -> None:
        if not self.subnets:
            raise ValueError("subnets must be of one zone or more")
        if not 0 <= self.min_size <= self.max_size or not self.max_size:
            raise ValueError(
                f"sizes must be 0 ≤ min_size ≤ max_size, got {self.min_size} and {self.max_size}"
            )
        if self.root_gib < 100:
            raise ValueError(f"root_gib must be at least 100, got {self.root_gib}")
        reserved = self.capacity_type in ("reservation", "block")
        if reserved != (self.reservation is not None):
            raise ValueError("reservation and capacity_type of reservation or block go together")
        if reserved and (len(self.subnets) != 1 or len(self.instance_types) != 1):
            raise ValueError("a reservation is of one zone and one instance type")


class NodeGroup(pulumi.ComponentResource):
    groups: Mapping[str, pulumi.Output[str]]
    """Zone → name of its group."""

    def __init__(
        self, name: str, args: NodeGroupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:NodeGroup", name, None, opts)

        template = _launch_template(name, args, pulumi.ResourceOptions(parent=self))
        # Whoever scales decides how many nodes there are, from the first change on.
        scaled = pulumi.ResourceOptions(parent=self, ignore_changes=["scalingConfig.desiredSize"])
        groups = {
            zone: _group(f"{name}-{zone}", args, subnet, template, scaled)
            for zone, subnet in args.subnets.items()
        }

        self.groups = {zone: group.node_group_name for zone, group in groups.items()}
        self.register_outputs({"groups": self.groups})


def autoscaler_tags(args: NodeGroupArgs) -> Mapping[str, str]:
    """Labels and taints of a group without nodes it asks EKS for (`aws_manager.go` of 1.35)."""
    return {f"{RESOURCES}/{key}": amount for key, amount in args.resources.items()}


def _group(
    name: str,
    args: NodeGroupArgs,
    subnet: pulumi.Input[str],
    template: aws.ec2.LaunchTemplate,
    opts: pulumi.ResourceOptions,
) -> aws.eks.NodeGroup:
    return aws.eks.NodeGroup(
        name,
        cluster_name=args.cluster_name,
        version=args.kubernetes_version,
        release_version=args.image.release,
        ami_type=image_type(args.image),
        node_role_arn=args.role_arn,
        subnet_ids=[subnet],
        # A block's type stands in the template.
        instance_types=None if args.capacity_type == "block" else list(args.instance_types),
        capacity_type=ON_EKS[args.capacity_type],
        launch_template={
            "id": template.id,
            "version": template.latest_version.apply(lambda version: str(int(version))),
        },
        scaling_config={
            "min_size": args.min_size,
            "max_size": args.max_size,
            "desired_size": args.min_size,
        },
        update_config={"max_unavailable": MOST_AT_ONCE},
        node_repair_config={"enabled": args.repair},
        labels=dict(args.labels),
        taints=[
            {"key": key, "value": value, "effect": "NO_SCHEDULE"}
            for key, value in args.taints.items()
        ],
        tags=dict(autoscaler_tags(args)),
        opts=opts,
    )


def _launch_template(
    name: str, args: NodeGroupArgs, opts: pulumi.ResourceOptions
) -> aws.ec2.LaunchTemplate:
    block = args.capacity_type == "block"
    return aws.ec2.LaunchTemplate(
        name,
        update_default_version=True,
        instance_type=args.instance_types[0] if block else None,
        instance_market_options={"market_type": "capacity-block"} if block else None,
        capacity_reservation_specification=_reservation(args.reservation),
        block_device_mappings=[
            {
                "device_name": root_device(args.image),
                "ebs": {
                    "volume_type": "gp3",
                    "volume_size": args.root_gib,
                    "encrypted": "true",
                    "kms_key_id": args.volume_key_arn,
                    "delete_on_termination": "true",
                },
            }
        ],
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            # From a pod it is one hop more: no pod gets the node's own role.
            "http_put_response_hop_limit": 1,
        },
        user_data=user_data(args.image),
        tag_specifications=[
            {"resource_type": kind, "tags": {"Name": name, **args.instance_tags}}
            for kind in ("instance", "volume", "network-interface")
        ],
        opts=opts,
    )


def _reservation(
    id_: str | None,
) -> aws.ec2.LaunchTemplateCapacityReservationSpecificationArgsDict | None:
    if id_ is None:
        return None
    return {"capacity_reservation_target": {"capacity_reservation_id": id_}}
