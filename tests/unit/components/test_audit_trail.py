from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from components.audit_trail import AuditTrail, AuditTrailArgs
from tests.cloud import ACCOUNT
from tests.conftest import Graph, Synth
from tests.iam import Call
from tests.resource_policy import verdict
from tests.unit.components.examples import EXAMPLES

TRAIL: Final = "aws:cloudtrail/trail:Trail"
CLOUDTRAIL: Final = {"Service": "cloudtrail.amazonaws.com"}
BUCKET: Final = "arn:aws:s3:::audit-of-tests"


def audit(synth: Synth, **changes: Any) -> Graph:
    example = EXAMPLES[AuditTrail]
    assert isinstance(example, AuditTrailArgs)
    return synth(lambda: AuditTrail("audit", replace(example, **changes)))


def selected(graph: Graph) -> dict[str, dict[str, Any]]:
    """By name of the selector: field → what is asked of it."""
    return {
        selector["name"]: {
            field.pop("field"): field for field in map(dict, selector["fieldSelectors"])
        }
        for selector in graph.one(TRAIL).inputs["advancedEventSelectors"]
    }


def test_it_records_every_change_in_the_account(synth: Synth) -> None:
    graph = audit(synth)
    assert selected(graph)["changes"] == {
        "eventCategory": {"equals": ["Management"]},
        "readOnly": {"equals": ["false"]},
    }
    trail = graph.one(TRAIL).inputs
    assert trail["isMultiRegionTrail"] is True
    assert trail["includeGlobalServiceEvents"] is True


def test_it_records_who_read_and_who_wrote_which_model(synth: Synth) -> None:
    assert selected(audit(synth))["models"] == {
        "eventCategory": {"equals": ["Data"]},
        "resources.type": {"equals": ["AWS::S3::Object"]},
        "resources.ARN": {"startsWiths": ["arn:aws:s3:::models-of-tests/"]},
    }


def test_a_record_that_was_changed_shows(synth: Synth) -> None:
    assert audit(synth).one(TRAIL).inputs["enableLogFileValidation"] is True


@pytest.mark.parametrize(("retain", "mode"), [(True, "COMPLIANCE"), (False, "GOVERNANCE")])
def test_nobody_deletes_a_record_before_its_time_and_then_it_goes(
    synth: Synth, retain: bool, mode: str
) -> None:
    graph = audit(synth, retain=retain, retention_days=365)
    lock = graph.one("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
    assert lock.inputs["rule"]["defaultRetention"] == {"mode": mode, "days": 365}
    rules = graph.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs
    (old,) = [each for each in rules["rules"] if each["id"] == "old"]
    assert old["expiration"] == {"days": 365}


def test_records_are_encrypted_with_the_key_that_is_given(synth: Synth) -> None:
    assert audit(synth, key_arn="arn:key").one(TRAIL).inputs["kmsKeyId"] == "arn:key"


def test_the_bucket_lets_the_trail_in_before_the_trail_is_made(synth: Synth) -> None:
    graph = audit(synth)
    policy = graph.one("aws:s3/bucketPolicy:BucketPolicy")
    assert policy.urn in graph.one(TRAIL).dependencies


def asked(graph: Graph, action: str, resource: str, trail: str, **more: str) -> str:
    policy: Any = json.loads(graph.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])
    source = f"arn:aws:cloudtrail:us-east-1:{trail}"
    context = {"aws:SecureTransport": "true", "aws:SourceArn": source, **more}
    return verdict(policy, CLOUDTRAIL, Call(action=action, resource=resource, context=context))


def test_this_trail_writes_there_and_no_other_trail(synth: Synth) -> None:
    graph = audit(synth)
    ours, owned = f"{ACCOUNT}:trail/serving-test", {"s3:x-amz-acl": "bucket-owner-full-control"}
    record = f"{BUCKET}/AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/record.json.gz"
    assert asked(graph, "s3:GetBucketAcl", BUCKET, ours) == "allow"
    assert asked(graph, "s3:PutObject", record, ours, **owned) == "allow"
    assert asked(graph, "s3:PutObject", record, ours) == "nothing"
    assert asked(graph, "s3:PutObject", f"{BUCKET}/AWSLogs/1/a", ours, **owned) == "nothing"
    assert asked(graph, "s3:DeleteObject", record, ours, **owned) == "nothing"
    for other in (f"{ACCOUNT}:trail/other", "999999999999:trail/serving-test"):
        assert asked(graph, "s3:PutObject", record, other, **owned) == "nothing"
        assert asked(graph, "s3:GetBucketAcl", BUCKET, other) == "nothing"


@pytest.mark.parametrize("retain", [True, False])
def test_it_is_protected_unless_it_may_go(synth: Synth, retain: bool) -> None:
    graph = audit(synth, retain=retain)
    assert graph.one(TRAIL).protect is retain
    assert graph.one("aws:s3/bucket:Bucket").protect is retain
