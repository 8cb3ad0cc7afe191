from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from components.image_registry import (
    ImageRegistry,
    ImageRegistryArgs,
    PullThrough,
    Upstream,
    lifecycle,
    pull_through_policy,
)
from tests.cloud import ACCOUNT
from tests.conftest import Graph, Synth
from tests.iam import Call, allows

REPOSITORY: Final = "aws:ecr/repository:Repository"
RULE: Final = "aws:ecr/pullThroughCacheRule:PullThroughCacheRule"
TEMPLATE: Final = "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate"


def args(**changes: Any) -> ImageRegistryArgs:
    plain = ImageRegistryArgs(
        prefix="serving-test", repositories=("tritonserver", "vllm"), key_arn="arn:key"
    )
    return replace(plain, **changes)


def registry(synth: Synth, **changes: Any) -> Graph:
    return synth(lambda: ImageRegistry("images", args(**changes)))


def test_a_tag_never_moves_to_another_image(synth: Synth) -> None:
    found = registry(synth).all(REPOSITORY)
    assert {each.inputs["name"] for each in found} == {
        "serving-test/tritonserver",
        "serving-test/vllm",
    }
    assert {each.inputs["imageTagMutability"] for each in found} == {"IMMUTABLE"}


def test_every_image_is_scanned_when_it_is_pushed(synth: Synth) -> None:
    for each in registry(synth).all(REPOSITORY):
        assert each.inputs["imageScanningConfiguration"] == {"scanOnPush": True}


def test_images_are_encrypted_with_the_key_that_is_given(synth: Synth) -> None:
    for each in registry(synth).all(REPOSITORY):
        assert each.inputs["encryptionConfigurations"] == [
            {"encryptionType": "KMS", "kmsKey": "arn:key"}
        ]


def test_what_may_be_in_use_does_not_expire(synth: Synth) -> None:
    """An image that runs has a tag; only tags beyond the fiftieth go, and what never had one."""
    policies = registry(synth).all("aws:ecr/lifecyclePolicy:LifecyclePolicy")
    assert {each.inputs["repository"] for each in policies} == {
        "serving-test/tritonserver",
        "serving-test/vllm",
    }
    assert {each.inputs["policy"] for each in policies} == {json.dumps(lifecycle())}
    rules: Any = lifecycle()["rules"]
    untagged, tagged = (rule["selection"] for rule in rules)
    assert (untagged["tagStatus"], untagged["countType"]) == ("untagged", "sinceImagePushed")
    assert tagged == {
        "tagStatus": "tagged",
        "tagPatternList": ["*"],
        "countType": "imageCountMoreThan",
        "countNumber": 50,
    }


def through(*upstreams: Upstream) -> PullThrough:
    return PullThrough(upstreams=upstreams, puller="nodes", account_id=ACCOUNT, region="us-east-1")


def test_public_registries_are_copied_from_where_that_is_asked_for(synth: Synth) -> None:
    graph = registry(synth, pull_through=through("quay", "kubernetes"))
    rules = {each.name: each.inputs for each in graph.all(RULE)}
    assert {name: rule["upstreamRegistryUrl"] for name, rule in rules.items()} == {
        "images-quay": "quay.io",
        "images-kubernetes": "registry.k8s.io",
    }
    for template in graph.all(TEMPLATE):
        assert template.inputs["prefix"] == rules[template.name]["ecrRepositoryPrefix"]
        assert template.inputs["appliedFors"] == ["PULL_THROUGH_CACHE"]
        assert template.inputs["imageTagMutability"] == "IMMUTABLE"
    policy = graph.one("aws:iam/rolePolicy:RolePolicy").inputs
    assert policy["role"] == "nodes"
    assert json.loads(policy["policy"]) == pull_through_policy(
        "us-east-1", ACCOUNT, "serving-test", ("quay", "kubernetes")
    )


def test_nothing_is_copied_otherwise(synth: Synth) -> None:
    graph = registry(synth)
    assert not [*graph.all(RULE), *graph.all(TEMPLATE), *graph.all("aws:iam/rolePolicy:RolePolicy")]


def test_a_prefix_that_ecr_would_refuse_is_refused_here() -> None:
    assert args(prefix="serving-staging-eu", pull_through=through("kubernetes"))
    with pytest.raises(ValueError, match="too long to cache kubernetes"):
        args(prefix="serving-staging-euro", pull_through=through("kubernetes"))


def test_a_node_fills_the_cache_and_pushes_nothing() -> None:
    policy = pull_through_policy("us-east-1", ACCOUNT, "serving-test", ("quay",))

    def may(action: str, repository: str) -> bool:
        arn = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/{repository}"
        return allows(policy, Call(action=f"ecr:{action}", resource=arn))

    assert may("CreateRepository", "serving-test/quay/prometheus/prometheus")
    assert may("BatchImportUpstreamImage", "serving-test/quay/prometheus/prometheus")
    assert not may("CreateRepository", "serving-test/vllm")
    assert not may("CreateRepository", "serving-test/kubernetes/pause")
    assert not may("PutImage", "serving-test/quay/prometheus/prometheus")
    assert not may("DeleteRepository", "serving-test/quay/prometheus/prometheus")


@pytest.mark.parametrize("retain", [True, False])
def test_images_are_protected_unless_they_may_go(synth: Synth, retain: bool) -> None:
    for each in registry(synth, retain=retain).all(REPOSITORY):
        assert each.protect is retain
        assert each.inputs["forceDelete"] is not retain
