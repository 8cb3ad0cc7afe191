"""SEC-4: which repositories, and which state, a stack can name."""

from __future__ import annotations

from typing import Any

import pytest

from serving.errors import InputError
from serving.settings import AwsSettings
from tests.unit import stacks
from tests.unit.serving.stacks.variants import GITHUB, STATE


def test_nobody_is_trusted_unless_named() -> None:
    for stack in stacks.STACKS:
        settings = stacks.settings(stack)
        assert isinstance(settings, AwsSettings)
        assert settings.github is None
        assert settings.cluster.identity == "irsa"


def test_deployments_come_from_the_main_branch_unless_another_is_named() -> None:
    settings = stacks.settings("prod", github=GITHUB, state=STATE)
    assert isinstance(settings, AwsSettings)
    assert settings.github is not None
    assert (settings.github.branch, settings.github.provider) == ("main", "own")


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("github", {"repository": "octo-org"}),
        ("github", {"repository": "octo-org/*"}),
        ("github", {"repository": "octo-org/octo/repo"}),
        ("github", {"repository": "octo-org@123456/octo-repo@456789"}),
        ("github", {"repository_id": 0}),
        ("github", {"owner_id": "123456"}),
        ("github", {"branch": "release/*"}),
        ("github", {"environment": "*"}),
        ("github", {"environment": "prod:eu"}),
        ("github", {"promotion_environment": "prod"}),
        ("github", {"provider": "another"}),
        ("state", {"bucket": "s3://serving-state"}),
        ("state", {"bucket": "serving-*"}),
        ("state", {"key_arn": "alias/serving-state"}),
        ("state", {"key_arn": "arn:aws:kms:us-east-1:123456789012:alias/serving-state"}),
        ("state", {"key_arn": "arn:aws:kms:us-east-1:123456789012:key/*"}),
    ],
)
def test_what_stands_for_many_is_refused(section: str, changes: dict[str, Any]) -> None:
    described = {"github": GITHUB, "state": STATE}
    described[section] = {**described[section], **changes}
    with pytest.raises(InputError, match=f"serving:{section}"):
        stacks.settings("prod", **described)


@pytest.mark.parametrize("missing", GITHUB)
def test_a_repository_is_named_by_all_that_tells_it_from_others(missing: str) -> None:
    some = {key: value for key, value in GITHUB.items() if key != missing}
    with pytest.raises(InputError, match=f"serving:github.{missing}"):
        stacks.settings("prod", github=some)
