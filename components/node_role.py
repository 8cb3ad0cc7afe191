"""The IAM role of the nodes themselves: to join the cluster and to pull images, nothing more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

POLICIES: Final[Mapping[str, str]] = {
    "join": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    "pull": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
}
"""Addresses of pods are the network add-on's to ask for, whose role is its own."""

TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@dataclass(frozen=True, kw_only=True)
class NodeRoleArgs:
    """There is nothing to choose."""


class NodeRole(pulumi.ComponentResource):
    arn: pulumi.Output[str]
    """Known once the role has its policies: nodes that come before cannot join."""
    name: pulumi.Output[str]
    """As `arn`."""

    def __init__(
        self, name: str, args: NodeRoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:NodeRole", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        role = aws.iam.Role(name, assume_role_policy=json.dumps(TRUST), opts=within)
        attached = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{key}", role=role.name, policy_arn=policy_arn, opts=within
            )
            for key, policy_arn in POLICIES.items()
        ]

        ready = pulumi.Output.all(role.arn, role.name, *(each.id for each in attached))
        self.arn = ready.apply(lambda known: str(known[0]))
        self.name = ready.apply(lambda known: str(known[1]))
        self.register_outputs({"arn": self.arn, "name": self.name})
