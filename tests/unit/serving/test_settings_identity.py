"""SEC-4, TRF-3: which repositories, which state and which issuer of tokens a stack can name."""

from __future__ import annotations

from typing import Any

import pytest

from serving.errors import InputError
from serving.settings import AwsSettings
from serving.settings.identity import Identity
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


ISSUER = {
    "issuer": "https://identity.example.com",
    "audience": "models",
    "jwks": "https://identity.example.com/keys",
}


def test_no_issuer_is_trusted_unless_named() -> None:
    settings = stacks.settings("prod")
    assert isinstance(settings, AwsSettings)
    assert settings.identity is None


def test_an_issuer_is_named_with_its_keys_and_whom_its_tokens_are_for() -> None:
    settings = stacks.settings("prod", identity=ISSUER)
    assert isinstance(settings, AwsSettings)
    assert settings.identity == Identity(**ISSUER)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issuer": ""}, "identity.issuer: is not valid"),
        ({"issuer": "*"}, "identity.issuer: is not valid"),
        ({"issuer": "https://*.example.com"}, "identity.issuer: is not valid"),
        ({"audience": ""}, "identity.audience: is not valid"),
        ({"jwks": "http://identity.example.com/keys"}, "identity.jwks: is not valid"),
        ({"jwks": "http://localhost/keys"}, "identity.jwks: is not valid"),
        ({"jwks": "https://10.0.0.1/keys"}, "identity.jwks: is not valid"),
        ({"jwks": "https://a:b@identity.example.com/keys"}, "identity.jwks: is not valid"),
        ({"jwks": "identity.example.com/keys"}, "identity.jwks: is not valid"),
        ({"refresh_seconds": 60}, "identity.refresh_seconds"),
    ],
)
def test_an_issuer_whose_keys_somebody_could_change_is_refused(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=f"serving:{said}"):
        stacks.settings("prod", identity={**ISSUER, **changes})


@pytest.mark.parametrize("missing", ISSUER)
def test_an_issuer_is_named_as_a_whole(missing: str) -> None:
    some = {key: value for key, value in ISSUER.items() if key != missing}
    with pytest.raises(InputError, match=f"serving:identity.{missing}: is missing"):
        stacks.settings("prod", identity=some)
