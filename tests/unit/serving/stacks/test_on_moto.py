"""The inputs of prod on moto, which refuses none: what then stands there does what it should."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from serving import catalog
from tests.cloud import ACCOUNT
from tests.conftest import Graph
from tests.replay import ENTRIES, Replay
from tests.unit import stacks

MODELS: Final = f"serving-prod-models-{ACCOUNT}"
AUDIT: Final = f"serving-prod-audit-{ACCOUNT}"


@pytest.fixture(scope="module")
def replayed() -> Iterator[tuple[Replay, Graph]]:
    with mock_aws():
        yield stacks.replayed("prod")


@pytest.fixture
def prod(replayed: tuple[Replay, Graph]) -> Replay:
    return replayed[0]


def test_everything_that_moto_knows_was_asked_of_it(replayed: tuple[Replay, Graph]) -> None:
    replay, graph = replayed
    served = Counter(each.type for each in graph if each.type in ENTRIES)
    assert Counter(replay.asked) == served
    assert {type_.partition("/")[0] for type_ in served} >= {
        "aws:budgets", "aws:cloudtrail", "aws:cloudwatch", "aws:ec2", "aws:ecr", "aws:efs",
        "aws:iam", "aws:kms", "aws:s3", "aws:secretsmanager", "aws:sns", "aws:vpc",
    }  # fmt: skip


def put(prod: Replay, bucket: str) -> str:
    s3 = prod.account.client("s3")
    # moto looks at no condition, so its bucket denies over TLS what is denied without.
    s3.delete_bucket_policy(Bucket=bucket)
    return str(s3.put_object(Bucket=bucket, Key="a/1/b", Body=b"{}")["VersionId"])


def test_a_published_file_can_be_hidden_but_not_lost(prod: Replay) -> None:
    s3, version = prod.account.client("s3"), put(prod, MODELS)
    s3.delete_object(Bucket=MODELS, Key="a/1/b")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=MODELS, Key="a/1/b", VersionId=version)
    kept = s3.get_object(Bucket=MODELS, Key="a/1/b", VersionId=version)
    assert kept["Body"].read() == b"{}"
    # Who has a permission for just that can go on: a model may have to be forgotten.
    s3.delete_object(Bucket=MODELS, Key="a/1/b", VersionId=version, BypassGovernanceRetention=True)


def test_not_even_who_may_pass_over_a_lock_can_delete_what_was_recorded(prod: Replay) -> None:
    s3, version = prod.account.client("s3"), put(prod, AUDIT)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(
            Bucket=AUDIT, Key="a/1/b", VersionId=version, BypassGovernanceRetention=True
        )


def key_of(prod: Replay, purpose: str) -> dict[str, Any]:
    """By what its description says; with whether it rotates."""
    kms = prod.account.client("kms")
    keys = [
        kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in kms.list_keys()["Keys"]
    ]
    (found,) = [each for each in keys if each["Description"].startswith(purpose)]
    rotation = kms.get_key_rotation_status(KeyId=found["KeyId"])["KeyRotationEnabled"]
    return {**found, "Rotates": rotation}


def test_objects_are_encrypted_without_anybody_asking(prod: Replay) -> None:
    put(prod, MODELS)
    head = prod.account.client("s3").head_object(Bucket=MODELS, Key="a/1/b")
    models = key_of(prod, "Models")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", models["Arn"])
    assert models["Rotates"] is True


def test_an_image_is_never_replaced_by_another_of_the_same_tag(prod: Replay) -> None:
    ecr = prod.account.client("ecr")

    def push(layer: str) -> str:
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "layers": [{"mediaType": "tar", "size": 1, "digest": f"sha256:{layer * 64}"}],
        }
        pushed = ecr.put_image(
            repositoryName="serving-prod/tritonserver",
            imageManifest=json.dumps(manifest),
            imageTag="26.07",
        )
        return str(pushed["image"]["imageId"]["imageDigest"])

    first = push("a")
    with pytest.raises(ClientError, match="ImageAlreadyExistsException"):
        push("b")
    (image,) = ecr.list_images(repositoryName="serving-prod/tritonserver")["imageIds"]
    assert image == {"imageDigest": first, "imageTag": "26.07"}


def test_images_are_scanned_and_encrypted(prod: Replay) -> None:
    found = prod.account.client("ecr").describe_repositories()["repositories"]
    assert {each["repositoryName"] for each in found} == {
        "serving-prod/tritonserver", "serving-prod/vllm",
    }  # fmt: skip
    for each in found:
        assert each["imageScanningConfiguration"] == {"scanOnPush": True}
        assert each["encryptionConfiguration"]["kmsKey"] == key_of(prod, "Container")["Arn"]


def test_servers_find_the_store_in_every_zone_and_only_their_own_part_of_it(prod: Replay) -> None:
    efs = prod.account.client("efs")
    (files,) = efs.describe_file_systems()["FileSystems"]
    assert (files["Encrypted"], files["KmsKeyId"]) == (True, key_of(prod, "Models")["Arn"])
    assert files["ThroughputMode"] == "elastic"
    id_ = files["FileSystemId"]
    assert not efs.describe_lifecycle_configuration(FileSystemId=id_)["LifecyclePolicies"]
    targets = efs.describe_mount_targets(FileSystemId=id_)["MountTargets"]
    assert {each["AvailabilityZoneName"] for each in targets} == {
        "us-east-1a", "us-east-1b", "us-east-1c",
    }  # fmt: skip
    points = efs.describe_access_points(FileSystemId=id_)["AccessPoints"]
    folders = {each["RootDirectory"]["Path"]: each for each in points}
    assert folders.keys() == {
        "/tenants", *(f"/tenants/{name}" for name in catalog.load("prod").tenants),
    }  # fmt: skip
    policy = json.loads(efs.describe_file_system_policy(FileSystemId=id_)["Policy"])
    (writes,) = [each for each in policy["Statement"] if each["Sid"] == "OnlyThePublisherWrites"]
    assert writes["Resource"] == files["FileSystemArn"]
    assert writes["Condition"] == {
        "StringNotEquals": {
            "elasticfilesystem:AccessPointArn": folders["/tenants"]["AccessPointArn"]
        }
    }


def test_the_trail_runs_and_keeps_what_happens_to_models(prod: Replay) -> None:
    cloudtrail = prod.account.client("cloudtrail")
    trail = cloudtrail.get_trail(Name="serving-prod")["Trail"]
    assert (trail["S3BucketName"], trail["KmsKeyId"]) == (AUDIT, key_of(prod, "Logs")["Arn"])
    assert trail["LogFileValidationEnabled"] is True
    assert cloudtrail.get_trail_status(Name="serving-prod")["IsLogging"] is True
    selectors = cloudtrail.get_event_selectors(TrailName="serving-prod")
    assert [each["Name"] for each in selectors["AdvancedEventSelectors"]] == ["changes", "models"]


def test_a_secret_waits_for_its_value_under_its_own_key(prod: Replay) -> None:
    secrets = prod.account.client("secretsmanager")
    found = secrets.describe_secret(SecretId="serving-prod/grafana")
    assert found["KmsKeyId"] == key_of(prod, "Secrets Manager")["Arn"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        secrets.get_secret_value(SecretId="serving-prod/grafana")
    secrets.put_secret_value(SecretId="serving-prod/grafana", SecretString="changed by people")
    read = secrets.get_secret_value(SecretId=found["ARN"])
    assert read["SecretString"] == "changed by people"


def test_logs_have_an_end_and_a_key(prod: Replay) -> None:
    groups = prod.account.client("logs").describe_log_groups()["logGroups"]
    assert "/aws/eks/serving-prod/cluster" in {each["logGroupName"] for each in groups}
    assert {each["retentionInDays"] for each in groups} == {365}
    assert {each["kmsKeyId"] for each in groups} == {key_of(prod, "Logs")["Arn"]}


def test_those_who_pay_hear_of_it(prod: Replay) -> None:
    budgets = prod.account.client("budgets")
    found = budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]
    assert {each["BudgetName"] for each in found} == {
        "serving-prod", *(f"serving-prod-{name}" for name in catalog.load("prod").tenants),
    }  # fmt: skip
    for each in found:
        said = budgets.describe_notifications_for_budget(
            AccountId=ACCOUNT, BudgetName=each["BudgetName"]
        )
        assert len(said["Notifications"]) == 3


def test_alarms_reach_people(prod: Replay) -> None:
    """OBS-17: of the store and of the gateway's load balancer."""
    found = prod.account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    alarms = {each["AlarmName"]: each for each in found}
    assert alarms.keys() == {
        "alarms-store", "gateway-handshakes", "gateway-ports", "gateway-rejections",
        "gateway-zones",
    }  # fmt: skip
    (files,) = prod.account.client("efs").describe_file_systems()["FileSystems"]
    store = alarms["alarms-store"]["Dimensions"]
    assert store == [{"Name": "FileSystemId", "Value": files["FileSystemId"]}]
    (topic,) = {action for each in found for action in each["AlarmActions"] + each["OKActions"]}
    subscriptions = prod.account.client("sns").list_subscriptions()["Subscriptions"]
    assert [(each["TopicArn"], each["Endpoint"]) for each in subscriptions] == [
        (topic, "platform@example.com")
    ]
