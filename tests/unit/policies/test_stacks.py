"""The stacks of this repository, and those that a setting makes of them, under every rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from serving_policies import RULES
from serving_policies.rule import Context, Message, Resource
from tests.conftest import Graph
from tests.unit.serving.stacks import variants


def judged(graph: Graph) -> Sequence[Message]:
    known = [
        Resource(
            kind=each.type, name=each.name, urn=each.urn, props={**each.inputs, "id": each.name}
        )
        for each in graph
    ]
    protected = {each.urn for each in graph if each.protect}
    return [
        message
        for rule in RULES
        for each in known
        for message in rule(
            each.kind,
            each.props,
            Context(
                name=each.name,
                urn=each.urn,
                protect=each.urn in protected,
                stack=known if rule.stack else (),
            ),
        )
    ]


@pytest.mark.parametrize("variant", variants.VARIANTS)
def test_they_comply_but_for_what_only_production_has_to(variant: str) -> None:
    found = {message.text.partition(":")[0] for message in judged(variants.graph(variant))}
    thrown_away = variant in ("dev", "karpenter")
    assert found == ({"stateful-protected"} if thrown_away else set())


def test_each_rule_is_asked_about_something_that_is_there() -> None:
    """A rule about a type that a provider has renamed would never say anything again."""
    types = {each.type for variant in variants.VARIANTS for each in variants.graph(variant)}
    types.add("aws:eks/cluster:Cluster")  # pulumi-eks' own, which the mock engine does not see
    assert [rule.id for rule in RULES if types.isdisjoint(rule.kinds)] == []


def test_a_neighbour_that_is_missing_is_missed() -> None:
    graph = variants.graph("prod")
    bare = replace(
        graph,
        resources=[
            each
            for each in graph
            if each.type != "aws:s3/bucketVersioning:BucketVersioning" or each.name != "models"
        ],
    )
    assert [message.text.partition(":")[0] for message in judged(bare)] == ["s3-versioned"]
