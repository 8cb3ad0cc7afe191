"""What a node is told when it boots; every image type is one that EKS knows."""

from __future__ import annotations

import base64
import email
import json
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from components.node_image import Image, image_type, root_device, user_data

AL2023 = Image(family="al2023", nvidia=True, release="1.35.6-20260714", max_pods=110)
BOTTLEROCKET = replace(AL2023, family="bottlerocket")


def spec(image: Image) -> Any:
    """As nodeadm reads it: each part of its own kind is one document."""
    message = email.message_from_bytes(base64.b64decode(user_data(image)))
    (part,) = message.get_payload()
    assert part.get_content_type() == "application/node.eks.aws"
    document = json.loads(part.get_payload())
    assert (document["apiVersion"], document["kind"]) == ("node.eks.aws/v1alpha1", "NodeConfig")
    return document["spec"]


@pytest.mark.parametrize(
    ("image", "type_"),
    [
        (AL2023, "AL2023_x86_64_NVIDIA"),
        (replace(AL2023, nvidia=False), "AL2023_x86_64_STANDARD"),
        (BOTTLEROCKET, "BOTTLEROCKET_x86_64_NVIDIA"),
        (replace(BOTTLEROCKET, nvidia=False), "BOTTLEROCKET_x86_64"),
    ],
)
def test_nodes_with_gpus_have_the_image_with_their_driver_and_no_others(
    image: Image, type_: str
) -> None:
    assert image_type(image) == type_


def test_a_node_takes_as_many_pods_as_it_is_told() -> None:
    assert spec(AL2023) == {"kubelet": {"config": {"maxPods": 110}}}
    toml = tomllib.loads(base64.b64decode(user_data(BOTTLEROCKET)).decode())
    assert toml == {"settings": {"kubernetes": {"max-pods": 110}}}


def test_local_disks_are_one_disk_for_images_and_pods() -> None:
    disks = spec(replace(AL2023, local_disks=True))["instance"]
    assert disks == {"localStorage": {"strategy": "RAID0"}}


def test_the_volume_for_images_is_the_one_that_can_be_written_to() -> None:
    assert root_device(AL2023) == "/dev/xvda"
    assert root_device(BOTTLEROCKET) == "/dev/xvdb"


@pytest.mark.parametrize("image", [AL2023, BOTTLEROCKET, replace(AL2023, local_disks=True)])
def test_no_secret_is_told_to_a_node(image: Image) -> None:
    told = base64.b64decode(user_data(image)).decode().lower()
    assert not [word for word in ("key", "token", "secret", "password", "begin ") if word in told]
