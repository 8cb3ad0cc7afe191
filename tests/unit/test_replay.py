from __future__ import annotations

import json
from collections.abc import Iterator

import pulumi_aws as aws
import pytest
from botocore.exceptions import ClientError, ParamValidationError
from moto import mock_aws

from components.image_registry import lifecycle
from tests.conftest import Synth
from tests.replay import ENTRIES, NOT_IN_MOTO, Replay


@pytest.fixture
def replay() -> Iterator[Replay]:
    with mock_aws():
        yield Replay()


def test_an_input_that_an_entry_does_not_read_is_an_error(replay: Replay) -> None:
    policy = json.dumps(lifecycle())
    with pytest.raises(LookupError, match="repositories-1: imageTags was not sent to AWS"):
        replay.created(
            "aws:ecr/lifecyclePolicy:LifecyclePolicy",
            "repositories-1",
            {"repository": repository(replay), "policy": policy, "imageTags": []},
        )


def repository(replay: Replay) -> str:
    inputs = {"name": "a/b", "encryptionConfigurations": [{"encryptionType": "AES256"}]}
    return replay.created("aws:ecr/repository:Repository", "images", inputs)[0]


def test_what_only_the_provider_needs_is_none(replay: Replay) -> None:
    inputs = {"bucket": "models", "objectLockEnabled": False, "forceDestroy": True, "tags": {}}
    assert replay.created("aws:s3/bucket:Bucket", "models", inputs)[0] == "models"


def test_a_type_without_an_entry_is_an_error_in_a_service_that_has_some(replay: Replay) -> None:
    with pytest.raises(LookupError, match="no entry for aws:s3/bucketMetric:BucketMetric"):
        replay.created("aws:s3/bucketMetric:BucketMetric", "models", {})
    assert replay.created("aws:amp/workspace:Workspace", "metrics", {})[0] == "metrics"
    assert not NOT_IN_MOTO & ENTRIES.keys()


def test_what_moto_refuses_is_an_error_and_is_kept(replay: Replay) -> None:
    replay.created("aws:s3/bucket:Bucket", "models", {"bucket": "models"})
    logging = {"bucket": "models", "targetBucket": "nowhere", "targetPrefix": "models/"}
    with pytest.raises(ClientError):
        replay.created("aws:s3/bucketLogging:BucketLogging", "models", logging)
    (refused,) = replay.refused
    assert refused.startswith("aws:s3/bucketLogging:BucketLogging models: ")
    assert "InvalidTargetBucketForLogging" in refused


def test_what_boto3_does_not_know_is_an_error_and_is_kept(replay: Replay) -> None:
    inputs = {"throughputMode": "elastic", "encrypted": "yes"}
    with pytest.raises(ParamValidationError):
        replay.created("aws:efs/fileSystem:FileSystem", "store", inputs)
    (refused,) = replay.refused
    assert "Invalid type for parameter Encrypted" in refused


def test_ids_of_what_was_made_are_those_that_the_next_asks_with(
    synth: Synth, replay: Replay
) -> None:
    def build() -> None:
        files = aws.efs.FileSystem("store", encrypted=True)
        aws.efs.AccessPoint(
            "vision",
            file_system_id=files.id,
            posix_user={"uid": 1, "gid": 1},
            root_directory={"path": "/vision"},
        )

    synth(build, created=replay.created)
    efs = replay.account.client("efs")
    (files,) = efs.describe_file_systems()["FileSystems"]
    (point,) = efs.describe_access_points()["AccessPoints"]
    assert point["FileSystemId"] == files["FileSystemId"]
    assert replay.asked == [
        "aws:efs/fileSystem:FileSystem", "aws:efs/accessPoint:AccessPoint",
    ]  # fmt: skip
