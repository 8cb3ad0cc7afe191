"""File systems."""

from __future__ import annotations

from typing import Any, Final

from tests.replay.account import Account, Inputs, Made, capitalised


def file_system(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("efs").create_file_system(
        CreationToken=name,
        **inputs.named(
            Encrypted="encrypted",
            KmsKeyId="kmsKeyId",
            PerformanceMode="performanceMode",
            ThroughputMode="throughputMode",
        ),
    )
    return made["FileSystemId"], {"arn": made["FileSystemArn"]}


def backup_policy(account: Account, name: str, inputs: Inputs) -> Made:
    """moto takes a backup policy only while it makes a file system, so one is made to say so."""
    status = inputs["backupPolicy"]["status"]
    efs = account.client("efs")
    probe = efs.create_file_system(CreationToken=f"{name}-backup", Backup=status == "ENABLED")
    efs.delete_file_system(FileSystemId=probe["FileSystemId"])
    return inputs["fileSystemId"], {}


def mount_target(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("efs").create_mount_target(
        **inputs.named(
            FileSystemId="fileSystemId", SubnetId="subnetId", SecurityGroups="securityGroups"
        )
    )
    return made["MountTargetId"], {}


def access_point(account: Account, name: str, inputs: Inputs) -> Made:
    root: dict[str, Any] = capitalised(inputs["rootDirectory"])
    made = account.client("efs").create_access_point(
        ClientToken=name,
        PosixUser=capitalised(inputs["posixUser"]),
        RootDirectory=root,
        **inputs.named(FileSystemId="fileSystemId"),
    )
    return made["AccessPointId"], {"arn": made["AccessPointArn"]}


def policy(account: Account, name: str, inputs: Inputs) -> Made:
    account.client("efs").put_file_system_policy(
        **inputs.named(FileSystemId="fileSystemId", Policy="policy")
    )
    return inputs["fileSystemId"], {}


ENTRIES: Final = {
    "aws:efs/accessPoint:AccessPoint": access_point,
    "aws:efs/backupPolicy:BackupPolicy": backup_policy,
    "aws:efs/fileSystem:FileSystem": file_system,
    "aws:efs/fileSystemPolicy:FileSystemPolicy": policy,
    "aws:efs/mountTarget:MountTarget": mount_target,
}
