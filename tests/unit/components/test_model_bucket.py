from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from components.model_bucket import ModelBucket, ModelBucketArgs, read_policy, tls_only
from tests.conftest import Graph, Synth

LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
ARN = "arn:aws:s3:::models-of-tests"


def bucket(synth: Synth, **changes: Any) -> Graph:
    args = replace(ModelBucketArgs(bucket_name="models-of-tests"), **changes)
    return synth(lambda: ModelBucket("models", args))


def test_every_version_is_kept(synth: Synth) -> None:
    versioning = bucket(synth).one("aws:s3/bucketVersioning:BucketVersioning")
    assert versioning.inputs["versioningConfiguration"] == {"status": "Enabled"}


def test_objects_are_encrypted_with_a_key_of_ours_that_rotates(synth: Synth) -> None:
    graph = bucket(synth)
    key = graph.one("aws:kms/key:Key")
    assert key.inputs["enableKeyRotation"] is True
    encryption = graph.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    )
    (rule,) = encryption.inputs["rules"]
    assert rule["bucketKeyEnabled"] is True
    default = rule["applyServerSideEncryptionByDefault"]
    assert default["sseAlgorithm"] == "aws:kms"
    assert default["kmsMasterKeyId"].endswith(":models")


def test_nothing_can_make_it_public(synth: Synth) -> None:
    graph = bucket(synth)
    block = graph.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    switches = (
        "blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets",
    )  # fmt: skip
    assert all(block[switch] is True for switch in switches)
    ownership = graph.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls")
    assert ownership.inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_requests_without_tls_are_denied_whoever_asks(synth: Synth) -> None:
    policy = json.loads(bucket(synth).one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])
    assert policy == tls_only(ARN)
    (statement,) = policy["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Resource"] == [ARN, f"{ARN}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_published_files_are_locked_where_that_is_asked_for(synth: Synth) -> None:
    graph = bucket(synth, lock_days=30)
    assert graph.one("aws:s3/bucket:Bucket").inputs["objectLockEnabled"] is True
    assert graph.one(LOCK).inputs["rule"] == {
        "defaultRetention": {"mode": "GOVERNANCE", "days": 30}
    }


def test_nothing_is_locked_otherwise(synth: Synth) -> None:
    graph = bucket(synth)
    assert graph.one("aws:s3/bucket:Bucket").inputs["objectLockEnabled"] is False
    assert not graph.all(LOCK)


def test_a_lock_of_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        ModelBucketArgs(bucket_name="models-of-tests", lock_days=0)


@pytest.mark.parametrize("retain", [True, False])
def test_models_and_their_key_are_protected_unless_they_may_go(synth: Synth, retain: bool) -> None:
    graph = bucket(synth, retain=retain)
    assert graph.one("aws:s3/bucket:Bucket").protect is retain
    assert graph.one("aws:kms/key:Key").protect is retain
    assert graph.one("aws:s3/bucket:Bucket").inputs["forceDestroy"] is not retain


def test_a_reader_of_one_prefix_reads_that_and_writes_nothing() -> None:
    policy: Any = read_policy(ARN, "arn:aws:kms:us-east-1:123456789012:key/1", "digits")
    actions = {each["Action"]: each for each in policy["Statement"]}
    assert actions.keys() == {"s3:ListBucket", "s3:GetObject", "kms:Decrypt"}
    assert actions["s3:GetObject"]["Resource"] == f"{ARN}/digits/*"
    assert actions["s3:ListBucket"]["Condition"] == {
        "StringLike": {"s3:prefix": ["digits", "digits/*"]}
    }
