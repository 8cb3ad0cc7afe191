from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from components.bucket import Lock
from components.model_bucket import ModelBucket, ModelBucketArgs, read_policy
from tests.conftest import Graph, Synth
from tests.iam import Call, allows

ARN: Final = "arn:aws:s3:::models-of-tests"
KEY: Final = "arn:aws:kms:us-east-1:123456789012:key/1"


def bucket(synth: Synth, **changes: Any) -> Graph:
    args = ModelBucketArgs(
        bucket_name="models-of-tests", key_arn=KEY, access_log_bucket="access-logs"
    )
    return synth(lambda: ModelBucket("models", replace(args, **changes)))


def test_what_it_is_told_reaches_the_bucket(synth: Synth) -> None:
    graph = bucket(synth, lock=Lock(days=30), retain=False)
    found = graph.one("aws:s3/bucket:Bucket")
    assert found.inputs["bucket"] == "models-of-tests"
    assert found.inputs["objectLockEnabled"] is True
    assert found.protect is False
    assert graph.one("aws:s3/bucketLogging:BucketLogging").inputs["targetBucket"] == "access-logs"
    assert graph.one("serving:index:ModelBucket").outputs == {
        "bucket": "models-of-tests",
        "arn": ARN,
        "key_arn": KEY,
    }


def test_models_stay_for_as_long_as_nobody_deletes_them(synth: Synth) -> None:
    lifecycle = bucket(synth).one(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    )
    assert all("days" not in rule.get("expiration", {}) for rule in lifecycle.inputs["rules"])


def may(action: str, resource: str, **context: str) -> bool:
    policy = read_policy(ARN, KEY, "digits")
    return allows(policy, Call(action=action, resource=resource, context=context))


def test_a_reader_of_one_model_reads_that_and_no_other() -> None:
    assert may("s3:GetObject", f"{ARN}/digits/1/manifest.json")
    assert may("s3:ListBucket", ARN, **{"s3:prefix": "digits/1/"})
    assert may("kms:Decrypt", KEY)
    assert not may("s3:GetObject", f"{ARN}/digits-2/1/manifest.json")
    assert not may("s3:GetObject", f"{ARN}/scan/1/manifest.json")
    assert not may("s3:ListBucket", ARN, **{"s3:prefix": "scan/"})
    assert not may("s3:ListBucket", ARN)


def test_a_reader_writes_nothing() -> None:
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:PutObjectRetention", "s3:GetObjectAcl"):
        assert not may(action, f"{ARN}/digits/1/manifest.json")
    for action in ("kms:Encrypt", "kms:GenerateDataKey", "kms:CreateGrant"):
        assert not may(action, KEY)
