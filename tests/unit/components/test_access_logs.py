from __future__ import annotations

import json
from typing import Any, Final

from components.access_logs import AccessLogs, AccessLogsArgs
from tests.cloud import ACCOUNT
from tests.conftest import Graph, Synth
from tests.iam import Call
from tests.resource_policy import verdict

S3: Final = {"Service": "logging.s3.amazonaws.com"}


def logs(synth: Synth) -> Graph:
    args = AccessLogsArgs(bucket_name="access-logs", account_id=ACCOUNT, retention_days=30)
    return synth(lambda: AccessLogs("access-logs", args))


def asked(graph: Graph, principal: dict[str, str], action: str, account: str) -> str:
    policy: Any = json.loads(graph.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])
    context = {"aws:SecureTransport": "true", "aws:SourceAccount": account}
    call = Call(action=action, resource="arn:aws:s3:::access-logs/models/1", context=context)
    return verdict(policy, principal, call)


def test_s3_writes_for_buckets_of_this_account_and_reads_nothing(synth: Synth) -> None:
    graph = logs(synth)
    assert asked(graph, S3, "s3:PutObject", ACCOUNT) == "allow"
    assert asked(graph, S3, "s3:PutObject", "999999999999") == "nothing"
    assert asked(graph, S3, "s3:GetObject", ACCOUNT) == "nothing"
    assert asked(graph, {"Service": "s3.amazonaws.com"}, "s3:PutObject", ACCOUNT) == "nothing"


def test_s3_can_deliver_to_it(synth: Synth) -> None:
    """Neither with a key of ours, nor into a lock, nor about itself without an end."""
    graph = logs(synth)
    encryption = graph.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    )
    (rule,) = encryption.inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "AES256"
    assert graph.one("aws:s3/bucket:Bucket").inputs["objectLockEnabled"] is False
    assert not graph.all("aws:s3/bucketLogging:BucketLogging")


def test_logs_go_when_they_are_as_old_as_asked(synth: Synth) -> None:
    lifecycle = logs(synth).one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
    (old,) = [each for each in lifecycle.inputs["rules"] if each["id"] == "old"]
    assert old["expiration"] == {"days": 30}
