"""STO-10: what is released is on the nodes' own disks."""

from __future__ import annotations

import json

from serving import catalog
from serving.contract.model import S3Repository
from serving.settings import Release
from serving.stacks.model_cache import wanted
from tests.unit import rendered, stacks
from tests.unit.serving.stacks.releases import DIGEST, published, released

DIGITS = {"stable": 2, "canary": 3, "previous": 1}


def test_all_that_takes_traffic_or_may_have_to_again_is_copied() -> None:
    found = wanted({"digits": Release(**DIGITS)}, published("digits"))
    assert found == {f"vision/digits/{version}": DIGEST for version in (1, 2, 3)}


def test_what_a_server_reads_from_a_bucket_it_reads_by_itself() -> None:
    bucket = S3Repository(kind="s3", uri="s3://models")
    assert wanted({"digits": Release(stable=1)}, published("digits", repository=bucket)) == {}


def test_it_is_copied_onto_the_nodes_of_the_stack() -> None:
    graph = released("digits", **DIGITS)
    told = graph.one("kubernetes:core/v1:ConfigMap", "model-cache-wanted").inputs["data"]
    assert json.loads(told["wanted.json"]).keys() == {f"vision/digits/{n}" for n in (1, 2, 3)}
    script = graph.one("kubernetes:core/v1:ConfigMap", "model-cache").inputs["data"]
    assert "def keep(" in script["prefetch.py"]
    assert rendered.wrong_objects(graph) == []


def test_only_tenants_with_something_to_read_get_a_volume() -> None:
    claims = [
        each.inputs["metadata"]["namespace"]
        for each in released("digits", **DIGITS).all("kubernetes:core/v1:PersistentVolumeClaim")
        if each.inputs["metadata"]["name"] == "model-cache"
    ]
    assert claims == ["tenant-vision"]


def test_no_two_volumes_share_a_door_of_the_store() -> None:
    """Pitfall 15: the kubelet would take them for one."""
    handles = [
        each.inputs["spec"]["csi"]["volumeHandle"]
        for each in released("digits", **DIGITS).all("kubernetes:core/v1:PersistentVolume")
        if "csi" in each.inputs["spec"]
    ]
    assert len(handles) == len(set(handles)) == len(catalog.load("prod").tenants) + 2


def test_nothing_copies_before_there_is_anything_to_copy() -> None:
    assert "model-cache" not in {each.name for each in stacks.graph("prod")}


def test_a_step_of_a_promotion_touches_no_pod_that_copies() -> None:
    before = released("digits", stable=2, previous=1)
    was = {each.urn: each.inputs for each in before if "ModelCache" in each.urn}
    now = {
        each.urn: each.inputs for each in released("digits", **DIGITS) if "ModelCache" in each.urn
    }
    assert {urn.rpartition("::")[2] for urn in was if was[urn] != now[urn]} == {
        "model-cache-wanted"
    }
