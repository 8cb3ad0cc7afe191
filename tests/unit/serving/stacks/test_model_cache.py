"""STO-10: what is released is on the nodes' own disks."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

from serving import catalog
from serving.catalog import Catalog
from serving.contract.model import S3Repository, Version
from serving.settings import Release
from serving.stacks.model_cache import wanted
from serving.stacks.program import build
from tests.conftest import Graph, synthesise
from tests.unit import rendered, stacks

DIGEST = f"sha256:{'ab' * 32}"
DIGITS = {"stable": 2, "canary": 3, "previous": 1}


def published(*names: str, **changes: Any) -> Catalog:
    """With three versions of each."""
    known = catalog.load("prod")
    version = Version(digest=DIGEST, contract=DIGEST, source="trained")
    return replace(
        known,
        models={
            **known.models,
            **{
                name: known.models[name].model_copy(
                    update={"versions": dict.fromkeys((1, 2, 3), version), **changes}
                )
                for name in names
            },
        },
    )


@cache
def released() -> Graph:
    settings, known = stacks.settings("prod", releases={"digits": DIGITS}), published("digits")
    return synthesise(lambda: build(settings, known), stack="prod")


def test_all_that_takes_traffic_or_may_have_to_again_is_copied() -> None:
    found = wanted({"digits": Release(**DIGITS)}, published("digits"))
    assert found == {f"vision/digits/{version}": DIGEST for version in (1, 2, 3)}


def test_what_a_server_reads_from_a_bucket_it_reads_by_itself() -> None:
    bucket = S3Repository(kind="s3", uri="s3://models")
    assert wanted({"digits": Release(stable=1)}, published("digits", repository=bucket)) == {}


def test_it_is_copied_onto_the_nodes_of_the_stack() -> None:
    graph = released()
    told = graph.one("kubernetes:core/v1:ConfigMap", "model-cache-wanted").inputs["data"]
    assert json.loads(told["wanted.json"]).keys() == {f"vision/digits/{n}" for n in (1, 2, 3)}
    script = graph.one("kubernetes:core/v1:ConfigMap", "model-cache").inputs["data"]
    assert "def keep(" in script["prefetch.py"]
    assert rendered.wrong_objects(graph) == []


def test_only_tenants_with_something_to_read_get_a_volume() -> None:
    claims = [
        each.inputs["metadata"]["namespace"]
        for each in released().all("kubernetes:core/v1:PersistentVolumeClaim")
        if each.inputs["metadata"]["name"] == "model-cache"
    ]
    assert claims == ["tenant-vision"]


def test_no_two_volumes_share_a_door_of_the_store() -> None:
    """Pitfall 15: the kubelet would take them for one."""
    handles = [
        each.inputs["spec"]["csi"]["volumeHandle"]
        for each in released().all("kubernetes:core/v1:PersistentVolume")
        if "csi" in each.inputs["spec"]
    ]
    assert len(handles) == len(set(handles)) == len(catalog.load("prod").tenants) + 1


def test_nothing_copies_before_there_is_anything_to_copy() -> None:
    assert "model-cache" not in {each.name for each in stacks.graph("prod")}


def test_a_step_of_a_promotion_touches_no_pod_that_copies() -> None:
    settings = stacks.settings("prod", releases={"digits": {"stable": 2, "previous": 1}})
    known = published("digits")
    before = synthesise(lambda: build(settings, known), stack="prod")
    was = {each.urn: each.inputs for each in before if "ModelCache" in each.urn}
    now = {each.urn: each.inputs for each in released() if "ModelCache" in each.urn}
    assert {urn.rpartition("::")[2] for urn in was if was[urn] != now[urn]} == {
        "model-cache-wanted"
    }
