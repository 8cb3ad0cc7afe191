"""The file system that servers read published models from: a part of it for each tenant."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

NFS_PORT: Final = 2049
FOLDER: Final = "/tenants"

PUBLISHER: Final = 1000
"""Uid of who writes, and gid of all."""
READER: Final = 1001
"""Uid of who reads."""


@dataclass(frozen=True, kw_only=True)
class ModelStoreArgs:
    vpc_id: pulumi.Input[str]
    subnets: Mapping[str, pulumi.Input[str]]
    """Zone → private subnet. Nodes of a zone without one could not mount it."""
    node_security_group_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    tenants: Sequence[str]
    retain: bool = True

    def __post_init__(self) -> None:
        if not self.subnets:
            raise ValueError("subnets must name at least one zone")


class ModelStore(pulumi.ComponentResource):
    file_system_id: pulumi.Output[str]
    arn: pulumi.Output[str]
    access_points: Mapping[str, pulumi.Output[str]]
    """Tenant → what its servers mount. Nobody can write through it."""
    publisher_access_point: pulumi.Output[str]
    """Every tenant's folder, to write into. It makes the folders, so it is mounted first."""

    def __init__(
        self, name: str, args: ModelStoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ModelStore", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        # What is read once a start must not get slower because nobody read it for a while, so
        # nothing moves to a cheaper class.
        files = aws.efs.FileSystem(
            name,
            encrypted=True,
            kms_key_id=args.key_arn,
            throughput_mode="elastic",
            performance_mode="generalPurpose",
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self, protect=args.retain),
        )
        aws.efs.BackupPolicy(
            name, file_system_id=files.id, backup_policy={"status": "ENABLED"}, opts=within
        )
        _mount_targets(name, files, args, within)
        publisher = _access_point(name, files, FOLDER, PUBLISHER, {}, within)
        readers = {
            tenant: _access_point(
                f"{name}-{tenant}", files, f"{FOLDER}/{tenant}", READER, {"Tenant": tenant}, within
            )
            for tenant in args.tenants
        }
        aws.efs.FileSystemPolicy(
            name,
            file_system_id=files.id,
            policy=pulumi.Output.all(files.arn, publisher.arn).apply(
                lambda arns: json.dumps(file_system_policy(arns[0], arns[1]))
            ),
            opts=within,
        )

        self.file_system_id = files.id
        self.arn = files.arn
        self.access_points = {tenant: reader.id for tenant, reader in readers.items()}
        self.publisher_access_point = publisher.id
        self.register_outputs(
            {
                "file_system_id": self.file_system_id,
                "arn": self.arn,
                "access_points": self.access_points,
                "publisher_access_point": self.publisher_access_point,
            }
        )


def _mount_targets(
    name: str, files: aws.efs.FileSystem, args: ModelStoreArgs, opts: pulumi.ResourceOptions
) -> None:
    group = aws.ec2.SecurityGroup(
        name, vpc_id=args.vpc_id, description="The model store", opts=opts
    )
    aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=group.id,
        referenced_security_group_id=args.node_security_group_id,
        ip_protocol="tcp",
        from_port=NFS_PORT,
        to_port=NFS_PORT,
        opts=opts,
    )
    for zone, subnet in args.subnets.items():
        aws.efs.MountTarget(
            f"{name}-{zone}",
            file_system_id=files.id,
            subnet_id=subnet,
            security_groups=[group.id],
            opts=opts,
        )


def _access_point(
    name: str,
    files: aws.efs.FileSystem,
    path: str,
    uid: int,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> aws.efs.AccessPoint:
    """Whoever comes through it is `uid`, whatever he says; the folder is the publisher's."""
    return aws.efs.AccessPoint(
        name,
        file_system_id=files.id,
        posix_user={"uid": uid, "gid": PUBLISHER},
        root_directory={
            "path": path,
            "creation_info": {
                "owner_uid": PUBLISHER,
                "owner_gid": PUBLISHER,
                "permissions": "0750",
            },
        },
        tags={"Name": name, **tags},
        opts=opts,
    )


def file_system_policy(file_system_arn: str, publisher_arn: str) -> dict[str, object]:
    """It allows nobody anything, so a client without an identity gets nothing; what IAM allows,
    it allows only over TLS, through an access point, and to write only through the publisher's."""
    mount, write = "elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"
    root = "elasticfilesystem:ClientRootAccess"
    point = "elasticfilesystem:AccessPointArn"

    def deny(sid: str, actions: Sequence[str], condition: Mapping[str, object]) -> object:
        return {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": list(actions),
            "Resource": file_system_arn,
            **({"Condition": condition} if condition else {}),
        }

    statements = [
        deny("TlsOnly", [mount, write, root], {"Bool": {"aws:SecureTransport": "false"}}),
        deny("NobodyIsRoot", [root], {}),
        deny("AccessPointsOnly", [mount], {"Null": {point: "true"}}),
        deny("OnlyThePublisherWrites", [write], {"StringNotEquals": {point: publisher_arn}}),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def mount_policy(file_system_arn: str) -> dict[str, object]:
    """For the driver that mounts volumes on nodes; the file system's own policy bounds it."""
    statement = {
        "Effect": "Allow",
        "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
        "Resource": file_system_arn,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
