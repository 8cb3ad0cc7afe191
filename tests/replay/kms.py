"""Keys, and secrets that are encrypted with them."""

from __future__ import annotations

from typing import Final

from tests.replay.account import Account, Inputs, Made


def key(account: Account, name: str, inputs: Inputs) -> Made:
    kms = account.client("kms")
    made = kms.create_key(**inputs.named(Description="description"))["KeyMetadata"]
    if policy := inputs.get("policy"):
        kms.put_key_policy(KeyId=made["KeyId"], PolicyName="default", Policy=policy)
    if inputs.get("enableKeyRotation"):
        kms.enable_key_rotation(KeyId=made["KeyId"])
    return made["KeyId"], {"arn": made["Arn"], "keyId": made["KeyId"]}


def secret(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("secretsmanager").create_secret(
        **inputs.named(Name="name", Description="description", KmsKeyId="kmsKeyId")
    )
    return made["ARN"], {"arn": made["ARN"]}


ENTRIES: Final = {
    "aws:kms/key:Key": key,
    "aws:secretsmanager/secret:Secret": secret,
}
