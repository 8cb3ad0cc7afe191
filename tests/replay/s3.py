"""Buckets, with each of their settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.replay.account import Account, Inputs, Made, capitalised


def bucket(account: Account, name: str, inputs: Inputs) -> Made:
    names = inputs.named(Bucket="bucket", ObjectLockEnabledForBucket="objectLockEnabled")
    account.client("s3").create_bucket(**names)
    return names["Bucket"], {"arn": f"arn:aws:s3:::{names['Bucket']}"}


def setting(
    operation: str, argument: str, of: Callable[[Inputs], Any]
) -> Callable[[Account, str, Inputs], Made]:
    def put(account: Account, name: str, inputs: Inputs) -> Made:
        owner = inputs["bucket"]
        getattr(account.client("s3"), operation)(Bucket=owner, **{argument: of(inputs)})
        return owner, {}

    return put


def access_block(inputs: Inputs) -> Any:
    return inputs.named(
        BlockPublicAcls="blockPublicAcls",
        BlockPublicPolicy="blockPublicPolicy",
        IgnorePublicAcls="ignorePublicAcls",
        RestrictPublicBuckets="restrictPublicBuckets",
    )


def encryption(inputs: Inputs) -> Any:
    rules = []
    for rule in inputs["rules"]:
        given = dict(rule["applyServerSideEncryptionByDefault"])
        default = {"SSEAlgorithm": given.pop("sseAlgorithm")}
        if "kmsMasterKeyId" in given:
            default["KMSMasterKeyID"] = given.pop("kmsMasterKeyId")
        assert not given
        rules.append(
            {
                "ApplyServerSideEncryptionByDefault": default,
                "BucketKeyEnabled": rule.get("bucketKeyEnabled", False),
            }
        )
    return {"Rules": rules}


def lifecycle(inputs: Inputs) -> Any:
    rules = []
    for rule in inputs["rules"]:
        rules.append({("ID" if key == "Id" else key): v for key, v in capitalised(rule).items()})
    return {"Rules": rules}


def logging(inputs: Inputs) -> Any:
    return {
        "LoggingEnabled": inputs.named(TargetBucket="targetBucket", TargetPrefix="targetPrefix")
    }


def object_lock(inputs: Inputs) -> Any:
    return {"ObjectLockEnabled": "Enabled", "Rule": capitalised(inputs["rule"])}


ENTRIES: Final = {
    "aws:s3/bucket:Bucket": bucket,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": setting(
        "put_bucket_lifecycle_configuration", "LifecycleConfiguration", lifecycle
    ),
    "aws:s3/bucketLogging:BucketLogging": setting(
        "put_bucket_logging", "BucketLoggingStatus", logging
    ),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": setting(
        "put_object_lock_configuration", "ObjectLockConfiguration", object_lock
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": setting(
        "put_bucket_ownership_controls",
        "OwnershipControls",
        lambda inputs: {"Rules": [capitalised(inputs["rule"])]},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": setting(
        "put_bucket_policy", "Policy", lambda inputs: inputs["policy"]
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": setting(
        "put_public_access_block", "PublicAccessBlockConfiguration", access_block
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        setting("put_bucket_encryption", "ServerSideEncryptionConfiguration", encryption)
    ),
    "aws:s3/bucketVersioning:BucketVersioning": setting(
        "put_bucket_versioning",
        "VersioningConfiguration",
        lambda inputs: capitalised(inputs["versioningConfiguration"]),
    ),
}
