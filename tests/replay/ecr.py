"""Image repositories."""

from __future__ import annotations

from typing import Final

from tests.replay.account import Account, Inputs, Made


def repository(account: Account, name: str, inputs: Inputs) -> Made:
    (encryption,) = inputs["encryptionConfigurations"]
    made = account.client("ecr").create_repository(
        encryptionConfiguration=encryption,
        **inputs.named(
            repositoryName="name",
            imageTagMutability="imageTagMutability",
            imageScanningConfiguration="imageScanningConfiguration",
        ),
    )["repository"]
    return made["repositoryName"], {
        "arn": made["repositoryArn"],
        "repositoryUrl": made["repositoryUri"],
    }


def lifecycle(account: Account, name: str, inputs: Inputs) -> Made:
    account.client("ecr").put_lifecycle_policy(
        **inputs.named(repositoryName="repository", lifecyclePolicyText="policy")
    )
    return inputs["repository"], {}


ENTRIES: Final = {
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": lifecycle,
    "aws:ecr/repository:Repository": repository,
}
