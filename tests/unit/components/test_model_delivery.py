from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.images import AWS_CLI
from components.model_delivery import NAMESPACE, SCRIPT, ModelDelivery
from tests.conftest import Graph
from tests.unit import rendered
from tests.unit.components.installing import INTERNET, around, installed
from tests.unit.components.network import Pod, allowed

JOB = "kubernetes:batch/v1:Job"
FILES = {"model.py", "manifest.json"}
VERSIONS = {"vision/digits/1": "digits/1", "shop/basket/12": "basket/12"}
CARRIER = Pod(namespace=NAMESPACE)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(ModelDelivery, versions=VERSIONS)


def pod(graph: Graph, name: str) -> Any:
    return graph.one(JOB, name).inputs["spec"]["template"]["spec"]


def test_kubernetes_takes_every_object(graph: Graph) -> None:
    assert rendered.wrong_objects(graph) == []


def test_each_version_is_carried_once_from_its_folder_to_its_tenants(graph: Graph) -> None:
    assert len(graph.all(JOB)) == len(VERSIONS)
    (container,) = pod(graph, "thing-shop-basket-12")["containers"]
    said = {each["name"]: each["value"] for each in container["env"]}
    assert said["FROM"] == "models/basket/12"
    assert said["TO"] == "shop/basket/12"
    assert container["image"] == AWS_CLI.name


def test_another_version_is_another_job_and_nothing_else() -> None:
    fewer = installed(ModelDelivery, versions={"vision/digits/1": "digits/1"})
    more = installed(ModelDelivery, versions=VERSIONS)
    assert [each.name for each in more if each not in list(fewer)] == [
        "thing-shop-basket-12",
        "thing",  # the component, which says what it has carried
    ]


def test_it_writes_through_the_publishers_door_as_the_publisher(graph: Graph) -> None:
    (volume,) = graph.all("kubernetes:core/v1:PersistentVolume")
    assert volume.inputs["spec"]["csi"]["volumeHandle"] == "fs-1::fsap-publisher"
    assert volume.inputs["spec"]["accessModes"] == ["ReadWriteMany"]
    assert volume.inputs["spec"]["claimRef"] == {"namespace": NAMESPACE, "name": "store"}
    security = pod(graph, "thing-vision-digits-1")["securityContext"]
    assert (security["runAsUser"], security["runAsNonRoot"]) == (1000, True)


def test_it_reaches_aws_and_nobody_reaches_it(graph: Graph) -> None:
    policies = [dict(each.inputs) for each in graph.all(rendered.POLICY)]
    assert allowed(policies, CARRIER, INTERNET, 443)
    assert not allowed(policies, CARRIER, Pod(namespace="tenant-vision"), 8000)
    assert not allowed(policies, Pod(namespace="tenant-vision"), CARRIER, 80)


def test_images_that_have_a_digest_go_by_it() -> None:
    digest = f"sha256:{64 * 'a'}"
    graph = installed(
        ModelDelivery, versions=VERSIONS, surroundings=around(digests={AWS_CLI.name: digest})
    )
    (container,) = pod(graph, "thing-vision-digits-1")["containers"]
    assert container["image"] == f"{AWS_CLI.name}@{digest}"


@pytest.fixture
def carry(tmp_path: Path) -> Any:
    """The script, where `aws` is a copy between folders that can break off."""
    aws = tmp_path / "bin" / "aws"
    aws.parent.mkdir()
    aws.write_text(
        '#!/bin/sh\necho "$*" >> "$LOG"\nfrom="$BUCKETS/${5#s3://}"\n'
        '[ -d "$from" ] || exit 0\n'  # as AWS's own does
        'cp "$from"/model.py "$6" && [ -z "${BREAKS-}" ] && cp "$from"/manifest.json "$6"\n'
    )
    aws.chmod(0o755)
    bucket = tmp_path / "buckets" / "models" / "digits" / "1"
    bucket.mkdir(parents=True)
    for name in FILES:
        (bucket / name).write_text(name)
    script = SCRIPT.replace("/store/", f"{tmp_path}/store/")

    def run(**more: str) -> int:
        known = {"FROM": "models/digits/1", "TO": "vision/digits/1", "LOG": f"{tmp_path}/log"}
        path = f"{aws.parent}:{os.environ['PATH']}"
        env = {"PATH": path, "BUCKETS": f"{tmp_path}/buckets", **known, **more}
        return subprocess.run(["sh", "-c", script], env=env, check=False).returncode

    return run


def test_a_version_is_there_as_a_whole_or_not_at_all(carry: Any, tmp_path: Path) -> None:
    there = tmp_path / "store" / "vision" / "digits" / "1"
    assert carry(BREAKS="yes") != 0
    assert not there.exists()
    assert carry() == 0
    assert {path.name for path in there.iterdir()} == FILES
    assert [path.name for path in there.parent.iterdir()] == ["1"], "nothing is left beside it"


def test_what_was_never_published_is_not_there_until_it_is(carry: Any, tmp_path: Path) -> None:
    there = tmp_path / "store" / "vision" / "digits" / "1"
    assert carry(FROM="models/digits/2") != 0
    assert not there.exists()
    there.mkdir(parents=True)  # as somebody's interrupted work may leave it
    assert carry() == 0
    assert {path.name for path in there.iterdir()} == FILES


def test_nothing_waits_for_a_version_that_is_missing(graph: Graph) -> None:
    for job in graph.all(JOB):
        assert job.inputs["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
        spec = job.inputs["spec"]
        assert spec["template"]["spec"]["restartPolicy"] == "OnFailure"
        assert "activeDeadlineSeconds" not in spec


def test_its_readers_who_are_of_the_publishers_group_can_read_it(
    carry: Any, tmp_path: Path
) -> None:
    assert carry() == 0
    there = tmp_path / "store" / "vision" / "digits" / "1"
    assert {oct(path.stat().st_mode)[-3:] for path in (there, there.parent)} == {"750"}
    assert {oct(path.stat().st_mode)[-3:] for path in there.iterdir()} == {"640"}


def test_what_is_there_is_not_carried_again(carry: Any, tmp_path: Path) -> None:
    assert carry() == carry() == 0
    assert len((tmp_path / "log").read_text().splitlines()) == 1
