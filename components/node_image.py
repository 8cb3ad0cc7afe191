"""What nodes boot from, and what they are told when they do."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Final, Literal

BOUNDARY: Final = "serving"


@dataclass(frozen=True, kw_only=True)
class Image:
    family: Literal["al2023", "bottlerocket"]
    nvidia: bool
    """With a driver for GPUs."""
    release: str
    """As EKS names it: `1.35.6-20260714`."""
    max_pods: int
    local_disks: bool = False
    """Whether the nodes have disks of their own, faster than the root volume."""


def image_type(image: Image) -> str:
    match image.family:
        case "al2023":
            return "AL2023_x86_64_NVIDIA" if image.nvidia else "AL2023_x86_64_STANDARD"
        case "bottlerocket":
            return "BOTTLEROCKET_x86_64_NVIDIA" if image.nvidia else "BOTTLEROCKET_x86_64"


def root_device(image: Image) -> str:
    """That images of containers are unpacked on: Bottlerocket has a small one beside it that
    cannot be written to."""
    return {"al2023": "/dev/xvda", "bottlerocket": "/dev/xvdb"}[image.family]


def user_data(image: Image) -> str:
    """EKS adds what a node needs to join the cluster."""
    text = _node_config(image) if image.family == "al2023" else _settings(image)
    return base64.b64encode(text.encode()).decode()


def _node_config(image: Image) -> str:
    spec: dict[str, object] = {"kubelet": {"config": {"maxPods": image.max_pods}}}
    if image.local_disks:
        spec["instance"] = {"localStorage": {"strategy": "RAID0"}}
    document = {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}
    return (
        "MIME-Version: 1.0\n"
        f'Content-Type: multipart/mixed; boundary="{BOUNDARY}"\n'
        "\n"
        f"--{BOUNDARY}\n"
        "Content-Type: application/node.eks.aws\n"
        "\n"
        f"{json.dumps(document, indent=2)}\n"
        f"--{BOUNDARY}--\n"
    )


def _settings(image: Image) -> str:
    """Local disks are left alone: until they are set up nothing mounts them."""
    return f"[settings.kubernetes]\nmax-pods = {image.max_pods}\n"
