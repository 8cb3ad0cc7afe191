"""Stacks as their files describe them, and one with everything that a setting brings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import yaml

from serving import catalog
from serving.settings import Settings
from serving.stacks.outputs import Outputs
from serving.stacks.program import build
from tests.cloud import ACCOUNT
from tests.conftest import Graph, synthesise
from tests.unit import stacks
from tests.unit.serving.stacks import releases

GITHUB: Final = {
    "repository": "octo-org/octo-repo",
    "owner_id": 123456,
    "repository_id": 456789,
    "environment": "prod",
    "promotion_environment": "prod-promotion",
}
STATE: Final = {
    "bucket": "serving-state",
    "key_arn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000",
}

VARIANTS: Final = ("dev", "prod", "everything", "karpenter", "meshless", "released")


@cache
def everything() -> tuple[Graph, Outputs]:
    """Of prod: a pipeline, Pod Identity, CloudWatch, traces, images by way of ECR,
    PrivateLink."""
    file = yaml.safe_load((stacks.ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8"))
    described = {key.removeprefix("serving:"): value for key, value in file["config"].items()}
    settings = stacks.settings(
        "prod",
        github=GITHUB,
        state=STATE,
        cluster={**described["cluster"], "identity": "pod-identity", "cloudwatch": True},
        images={**described.get("images", {}), "pull_through": ["ecr-public"]},
        traces={"percentage": 1},
        gateway={**described["gateway"], "private_principals": [f"arn:aws:iam::{ACCOUNT}:root"]},
    )
    outputs: list[Any] = []
    known = catalog.load("prod")
    graph = synthesise(lambda: outputs.append(build(settings, known)), stack="prod")
    return graph, outputs[0]


def with_karpenter() -> Settings:
    """Dev, with nodes that Karpenter makes."""
    cluster = {**stacks.values("dev")["cluster"], "autoscaler": "karpenter"}
    return stacks.settings("dev", cluster=cluster)


@cache
def karpenter() -> Graph:
    settings, known = with_karpenter(), catalog.load("dev")
    return synthesise(lambda: build(settings, known), stack="dev")


@cache
def meshless() -> Graph:
    """Prod, with a load balancer in the place of the mesh; and traces, which the mesh begins."""
    settings = stacks.settings("prod", mesh={"enabled": False}, traces={"percentage": 1})
    return synthesise(lambda: build(settings, catalog.load("prod")), stack="prod")


def graph(variant: str) -> Graph:
    match variant:
        case "everything":
            return everything()[0]
        case "karpenter":
            return karpenter()
        case "meshless":
            return meshless()
        case "released":
            return releases.released(stable=1, canary=2, weight=5)
    return stacks.graph(variant)


@dataclass(frozen=True)
class Held:
    """A document of a role's permissions."""

    name: str
    document: Any


def held(variant: str) -> Iterator[Held]:
    found = graph(variant)
    attached = {
        each.name for each in found.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    }
    for policy in found.all("aws:iam/rolePolicy:RolePolicy"):
        yield Held(policy.name, json.loads(policy.inputs["policy"]))
    for policy in found.all("aws:iam/policy:Policy"):
        if policy.name in attached:  # not a boundary
            yield Held(policy.name, json.loads(policy.inputs["policy"]))
