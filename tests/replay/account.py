"""What the entries of a replay share: clients, and inputs that know what was read of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeAlias

import boto3

from tests import cloud

Made: TypeAlias = tuple[str, Mapping[str, Any]]
"""The id, and what AWS adds to the inputs."""

PROVIDERS_OWN: Final = frozenset(
    {"deletionWindowInDays", "forceDelete", "forceDestroy", "recoveryWindowInDays", "tags"}
)
"""What the provider keeps until it deletes a resource, and tags, which it adds its own to."""


class Inputs:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = _whole(values)
        self._read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self._read.add(key)
        return self._values[key]

    def get(self, key: str, default: Any = None) -> Any:
        self._read.add(key)
        return self._values.get(key, default)

    def named(self, **names: str) -> dict[str, Any]:
        """AWS's name → ours, of those that are given."""
        self._read |= set(names.values())
        return {aws: self._values[ours] for aws, ours in names.items() if ours in self._values}

    def unread(self) -> list[str]:
        return sorted(self._values.keys() - self._read - PROVIDERS_OWN)


class Account:
    def __init__(self, region: str) -> None:
        self.region = region
        self.id = cloud.ACCOUNT
        self.client = cache(self._client)
        self._stand_ins: dict[str, str] = {}

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self.region,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )

    def security_group(self, id_: str, vpc: str) -> str:
        """EKS makes the nodes' own, which no input makes: another stands for it."""
        if id_ != cloud.CLUSTER_OUTPUTS["clusterSecurityGroupId"]:
            return id_
        if id_ not in self._stand_ins:
            self._stand_ins[id_] = self.client("ec2").create_security_group(
                GroupName=id_, Description="Of the nodes", VpcId=vpc
            )["GroupId"]
        return self._stand_ins[id_]

    def load_balancer(self, arn: str) -> str:
        """The cluster's controller makes it, which no input makes: another stands for it."""
        if arn not in self._stand_ins:
            (subnet, *_) = self.client("ec2").describe_subnets()["Subnets"]
            made = self.client("elbv2").create_load_balancer(
                Name=arn.split("/")[-2],
                Type="network",
                Scheme="internal",
                Subnets=[subnet["SubnetId"]],
            )
            self._stand_ins[arn] = made["LoadBalancers"][0]["LoadBalancerArn"]
        return self._stand_ins[arn]

    def cluster(self, name: str) -> str:
        """pulumi-eks makes the control plane out of the mocks' sight: one of the name stands in."""
        if name not in self._stand_ins:
            self.client("eks").create_cluster(
                name=name,
                roleArn=f"arn:aws:iam::{self.id}:role/{name}",
                resourcesVpcConfig={"subnetIds": []},
            )
            self._stand_ins[name] = name
        return name


def _whole(value: Any) -> Any:
    """The engine's numbers are all floats; AWS tells 90 from 90.0."""
    if isinstance(value, Mapping):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def capitalised(value: Any) -> Any:
    """`{blockPublicAcls: …}` as AWS writes it: `{BlockPublicAcls: …}`, at every depth."""
    if isinstance(value, Mapping):
        return {f"{key[:1].upper()}{key[1:]}": capitalised(each) for key, each in value.items()}
    if isinstance(value, list):
        return [capitalised(each) for each in value]
    return value
