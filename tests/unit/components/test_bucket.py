from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from components.bucket import Bucket, BucketArgs, Lock, bucket_policy
from tests.conftest import Graph, Synth
from tests.iam import Call
from tests.resource_policy import verdict

ARN: Final = "arn:aws:s3:::bucket-of-tests"
LOCK: Final = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
ENCRYPTION: Final = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
LIFECYCLE: Final = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"


def bucket(synth: Synth, **changes: Any) -> Graph:
    args = BucketArgs(
        bucket_name="bucket-of-tests", key_arn="arn:key", access_log_bucket="access-logs"
    )
    return synth(lambda: Bucket("data", replace(args, **changes)))


def test_every_version_is_kept(synth: Synth) -> None:
    versioning = bucket(synth).one("aws:s3/bucketVersioning:BucketVersioning")
    assert versioning.inputs["versioningConfiguration"] == {"status": "Enabled"}


def test_objects_are_encrypted_with_the_key_that_is_given(synth: Synth) -> None:
    (rule,) = bucket(synth).one(ENCRYPTION).inputs["rules"]
    assert rule["bucketKeyEnabled"] is True
    assert rule["applyServerSideEncryptionByDefault"] == {
        "sseAlgorithm": "aws:kms",
        "kmsMasterKeyId": "arn:key",
    }


def test_without_a_key_it_is_s3s_own(synth: Synth) -> None:
    (rule,) = bucket(synth, key_arn=None).one(ENCRYPTION).inputs["rules"]
    assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}


def test_nothing_can_make_it_public(synth: Synth) -> None:
    graph = bucket(synth)
    block = graph.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    switches = (
        "blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets",
    )  # fmt: skip
    assert all(block[switch] is True for switch in switches)
    ownership = graph.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls")
    assert ownership.inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


@pytest.mark.parametrize("tls", ["true", "false"])
def test_requests_without_tls_are_denied_whoever_asks(synth: Synth, tls: str) -> None:
    policy = json.loads(bucket(synth).one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])
    for who in ({}, {"AWS": "arn:aws:iam::123456789012:role/admin"}, {"Service": "s3"}):
        for call in ("s3:GetObject", "s3:PutObject", "s3:DeleteObjectVersion"):
            asked = Call(action=call, resource=f"{ARN}/a", context={"aws:SecureTransport": tls})
            assert verdict(policy, who, asked) == ("deny" if tls == "false" else "nothing")
    listed = Call(action="s3:ListBucket", resource=ARN, context={"aws:SecureTransport": tls})
    assert verdict(policy, {}, listed) == ("deny" if tls == "false" else "nothing")


def test_further_statements_stand_beside_the_one_that_asks_for_tls() -> None:
    policy = bucket_policy(ARN, [{"Sid": "Other"}])
    assert [each["Sid"] for each in policy["Statement"]] == ["TlsOnly", "Other"]  # type: ignore[attr-defined]


def test_who_read_what_is_written_to_another_bucket(synth: Synth) -> None:
    logging = bucket(synth).one("aws:s3/bucketLogging:BucketLogging").inputs
    assert (logging["targetBucket"], logging["targetPrefix"]) == ("access-logs", "data/")
    assert not bucket(synth, access_log_bucket=None).all("aws:s3/bucketLogging:BucketLogging")


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_objects_are_locked_where_that_is_asked_for(synth: Synth, mode: Any) -> None:
    graph = bucket(synth, lock=Lock(days=30, mode=mode))
    assert graph.one("aws:s3/bucket:Bucket").inputs["objectLockEnabled"] is True
    assert graph.one(LOCK).inputs["rule"] == {"defaultRetention": {"mode": mode, "days": 30}}


def test_nothing_is_locked_otherwise(synth: Synth) -> None:
    graph = bucket(synth)
    assert graph.one("aws:s3/bucket:Bucket").inputs["objectLockEnabled"] is False
    assert not graph.all(LOCK)


def test_a_lock_of_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Lock(days=0)


def rules(synth: Synth, **changes: Any) -> dict[str, Any]:
    found = bucket(synth, **changes).one(LIFECYCLE).inputs["rules"]
    assert all(each["status"] == "Enabled" for each in found)
    return {each["id"]: each for each in found}


def test_what_was_deleted_or_never_finished_goes_in_the_end(synth: Synth) -> None:
    found = rules(synth)
    assert found.keys() == {"unfinished-uploads", "deleted"}
    assert found["unfinished-uploads"]["abortIncompleteMultipartUpload"] == {
        "daysAfterInitiation": 7
    }
    assert found["deleted"]["noncurrentVersionExpiration"] == {"noncurrentDays": 90}


def test_what_is_there_stays_unless_it_is_asked_to_go(synth: Synth) -> None:
    assert all("days" not in each.get("expiration", {}) for each in rules(synth).values())
    assert rules(synth, expire_days=365)["old"]["expiration"] == {"days": 365}


@pytest.mark.parametrize("retain", [True, False])
def test_it_is_protected_unless_it_may_go(synth: Synth, retain: bool) -> None:
    found = bucket(synth, retain=retain).one("aws:s3/bucket:Bucket")
    assert found.protect is retain
    assert found.inputs["forceDestroy"] is not retain
