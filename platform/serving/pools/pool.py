"""A pool: a group of equal nodes in each zone, as a stack's settings describe it."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field

from serving.contract.fields import Memory, Name, Section
from serving.instance_types import MIB

Zone: TypeAlias = Literal["a", "b", "c", "d", "e", "f", "g", "h"]
CapacityType: TypeAlias = Literal["on-demand", "spot", "reservation", "block"]

SYSTEM: Final = "system"
"""Value of the label `workload` on the nodes that carry everything but inference."""

_OTHERS_LABELS: Final = (
    "eks.amazonaws.com/", "k8s.amazonaws.com/", "kubernetes.io/", "node.kubernetes.io/",
    "nvidia.com/", "topology.kubernetes.io/",
)  # fmt: skip


def _different(zones: tuple[Zone, ...]) -> tuple[Zone, ...]:
    if len(set(zones)) != len(zones):
        raise ValueError("expected each zone once")
    return zones


def _free(labels: dict[str, str]) -> dict[str, str]:
    taken = [key for key in labels if key == "workload" or key.startswith(_OTHERS_LABELS)]
    if taken:
        raise ValueError(f"expected labels of your own, and {taken[0]} follows from other fields")
    return labels


Zones: TypeAlias = Annotated[tuple[Zone, ...], Field(min_length=1), AfterValidator(_different)]


class PerZone(Section):
    min: Annotated[int, Field(ge=0, le=450)]
    max: Annotated[int, Field(ge=1, le=450)]


class Capacity(Section):
    """What a node holds."""

    vcpu: Annotated[int, Field(ge=1, le=2048)]
    memory: Annotated[Memory, Field(ge=2048 * MIB)]
    gpus: Annotated[int, Field(ge=0, le=16)] = 0
    gpu_memory: Memory | None = None
    """Of one GPU."""
    usd_per_hour: Annotated[float, Field(gt=0)] | None = None


class Nodes(Section):
    kind: Literal["system", "cpu", "gpu"]
    """`system` carries everything but inference, `cpu` and `gpu` carry models."""
    instance_types: Annotated[tuple[str, ...], Field(min_length=1, max_length=20)]
    """In the order in which they are tried; all of one size."""
    nodes_per_zone: PerZone
    """Each zone has a group of its own: one that is out of capacity holds up no other."""
    zones: Zones | None = None
    """All of the network's unless named."""
    capacity_type: CapacityType = "on-demand"
    """Spot nodes are taken back at two minutes' notice. A reservation is paid for used or not; a
    block is one that begins and ends at agreed times."""
    reservation: Annotated[str, Field(pattern=r"^cr-[0-9a-f]{8,17}$")] | None = None
    """Of EC2, with `capacity_type: reservation` or `block`."""
    ami: Literal["al2023", "bottlerocket"] = "al2023"
    """The family of the nodes' image; on nodes with GPUs it brings the driver."""
    ami_release: str | None = None
    """Of the image. AL2023's is pinned with the version of Kubernetes unless named."""
    root_gib: Annotated[int, Field(ge=100, le=16_384)] = 100
    """An image with its libraries for GPUs unpacks to tens of gigabytes."""
    labels: Annotated[dict[str, str], AfterValidator(_free)] = Field(default_factory=dict)
    capacity: Capacity | None = None
    """Only for instance types that the catalogue does not know."""


class SystemPool(Nodes):
    kind: Literal["system"]


class CpuPool(Nodes):
    kind: Literal["cpu"]
    workload: Name | None = None
    """The label that models select the nodes by; the pool's name unless named."""


class GpuPool(Nodes):
    kind: Literal["gpu"]
    workload: Name | None = None
    """The label that models select the nodes by; the pool's name unless named."""
    taint: Name = "true"
    """Value of the taint `nvidia.com/gpu`, which keeps everything but inference off."""
    sharing: Literal["none", "mig", "time-slicing"] = "none"
    """MIG cuts each GPU into parts of their own memory; time slices are without any wall."""
    mig_profile: Annotated[str, Field(pattern=r"^[1-7]g\.[0-9]{1,3}gb$")] | None = None
    """Such as `1g.5gb`; with `sharing: mig`. All GPUs of the pool are cut alike."""
    time_slices: Annotated[int, Field(ge=2, le=48)] | None = None
    """Pods on each GPU; with `sharing: time-slicing`."""


Pool: TypeAlias = Annotated[SystemPool | CpuPool | GpuPool, Field(discriminator="kind")]
