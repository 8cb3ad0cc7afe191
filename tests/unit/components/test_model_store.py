from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from components.model_store import (
    ModelStore,
    ModelStoreArgs,
    file_system_policy,
    mount_policy,
)
from tests.conftest import Graph, Synth
from tests.iam import Call, allows
from tests.resource_policy import verdict
from tests.unit.components.examples import EXAMPLES, ZONES

FILES: Final = "aws:efs/fileSystem:FileSystem"
POINT: Final = "aws:efs/accessPoint:AccessPoint"
ARN: Final = "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1"
PUBLISHER: Final = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-1"
READER: Final = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-2"


def args(**changes: Any) -> ModelStoreArgs:
    example = EXAMPLES[ModelStore]
    assert isinstance(example, ModelStoreArgs)
    return replace(example, **changes)


def store(synth: Synth, **changes: Any) -> Graph:
    return synth(lambda: ModelStore("store", args(**changes)))


def test_files_are_encrypted_with_the_key_that_is_given(synth: Synth) -> None:
    files = store(synth, key_arn="arn:key").one(FILES).inputs
    assert (files["encrypted"], files["kmsKeyId"]) == (True, "arn:key")


def test_reading_is_never_slowed_down_by_how_much_or_how_lately_was_read(synth: Synth) -> None:
    files = store(synth).one(FILES).inputs
    assert files["throughputMode"] == "elastic"
    assert "lifecyclePolicies" not in files


def test_it_is_backed_up(synth: Synth) -> None:
    backup = store(synth).one("aws:efs/backupPolicy:BackupPolicy")
    assert backup.inputs["backupPolicy"] == {"status": "ENABLED"}


def test_nodes_of_every_zone_find_it_in_their_own(synth: Synth) -> None:
    targets = store(synth).all("aws:efs/mountTarget:MountTarget")
    assert {each.name: each.inputs["subnetId"] for each in targets} == {
        f"store-{zone}": f"subnet-{zone}" for zone in ZONES
    }


def test_only_the_nodes_may_speak_nfs(synth: Synth) -> None:
    graph = store(synth)
    rule = graph.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert rule["referencedSecurityGroupId"] == "sg-nodes"
    assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 2049, 2049)
    assert "cidrIpv4" not in rule
    group = graph.one("aws:ec2/securityGroup:SecurityGroup")
    assert "ingress" not in group.inputs
    assert "egress" not in group.inputs
    for target in graph.all("aws:efs/mountTarget:MountTarget"):
        assert target.inputs["securityGroups"] == [group.name]


def points(graph: Graph) -> dict[str, Any]:
    return {each.name: each.inputs for each in graph.all(POINT)}


def test_each_tenant_comes_in_at_a_folder_that_is_no_others(synth: Synth) -> None:
    tenants = ("vision", "vision-2", "publisher", "store")
    readers = points(store(synth, tenants=tenants))
    publisher = readers.pop("store")["rootDirectory"]["path"]
    folders = {inputs["rootDirectory"]["path"] for inputs in readers.values()}
    assert readers.keys() == {f"store-{tenant}" for tenant in tenants}
    assert folders == {f"{publisher}/{tenant}" for tenant in tenants}
    for name, inputs in readers.items():
        assert inputs["tags"]["Tenant"] == name.removeprefix("store-")


def test_who_reads_is_not_who_owns_the_files_and_neither_is_root(synth: Synth) -> None:
    found = points(store(synth))
    publisher = found.pop("store")
    assert publisher["rootDirectory"]["path"] == "/tenants"
    owner = publisher["posixUser"]["uid"]
    for inputs in (publisher, *found.values()):
        made = inputs["rootDirectory"]["creationInfo"]
        assert (made["ownerUid"], made["permissions"]) == (owner, "0750")
        assert made["ownerGid"] == inputs["posixUser"]["gid"] != 0
    assert owner != 0
    assert all(inputs["posixUser"]["uid"] not in (0, owner) for inputs in found.values())


def asked(action: str, tls: bool = True, point: str | None = READER) -> Call:
    context = {"aws:SecureTransport": str(tls).lower()}
    if point is not None:
        context["elasticfilesystem:AccessPointArn"] = point
    return Call(action=f"elasticfilesystem:{action}", resource=ARN, context=context)


@pytest.mark.parametrize(
    ("call", "denied"),
    [
        (asked("ClientMount"), False),
        (asked("ClientMount", point=PUBLISHER), False),
        (asked("ClientMount", tls=False), True),
        (asked("ClientMount", point=None), True),
        (asked("ClientWrite"), True),
        (asked("ClientWrite", point=None), True),
        (asked("ClientWrite", point=PUBLISHER), False),
        (asked("ClientWrite", point=PUBLISHER, tls=False), True),
        (asked("ClientRootAccess"), True),
        (asked("ClientRootAccess", point=PUBLISHER), True),
    ],
)
def test_the_file_system_lets_in_over_tls_and_through_access_points_alone(
    call: Call, denied: bool
) -> None:
    policy = file_system_policy(ARN, PUBLISHER)
    for who in ({}, {"AWS": "arn:aws:iam::123456789012:role/node"}):
        assert verdict(policy, who, call) == ("deny" if denied else "nothing")


def test_it_lets_in_nobody_whom_iam_does_not() -> None:
    """So a client without an identity is refused."""
    statements: Any = file_system_policy(ARN, PUBLISHER)["Statement"]
    assert {each["Effect"] for each in statements} == {"Deny"}


def test_another_tenant_changes_nothing_that_was_there(synth: Synth) -> None:
    before, after = store(synth), store(synth, tenants=("vision", "shop", "audio"))
    changed = {(each.type, each.name) for each in after if each not in list(before)}
    assert changed == {(POINT, "store-audio"), ("serving:index:ModelStore", "store")}


def test_the_driver_may_mount_this_file_system_and_do_nothing_else() -> None:
    policy = mount_policy(ARN)
    assert allows(policy, asked("ClientMount"))
    assert not allows(policy, asked("ClientRootAccess"))
    assert not allows(policy, replace(asked("ClientMount"), resource=f"{ARN}0"))
    for action in ("DeleteFileSystem", "CreateAccessPoint", "PutFileSystemPolicy"):
        assert not allows(policy, asked(action))


@pytest.mark.parametrize("retain", [True, False])
def test_it_is_protected_unless_it_may_go(synth: Synth, retain: bool) -> None:
    assert store(synth, retain=retain).one(FILES).protect is retain


def test_a_store_of_no_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one zone"):
        args(subnets={})
