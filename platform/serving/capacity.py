"""What the GPU instance types hold: the catalogue that contracts and pools are checked against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from ruamel.yaml import YAML

MIB: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """One EC2 instance type; memory in MiB, CPU in millicores."""

    name: str
    vcpu: int
    memory_mib: int
    allocatable_cpu: int
    """What pods can ask for after the kubelet's own share."""
    allocatable_memory_mib: int
    gpu: str
    gpus: int
    gpu_memory_mib: int
    """Of one GPU."""
    usd_per_hour: float | None
    """On demand, us-east-1; None where the source lists no price."""
    mig_profiles: Mapping[str, int]
    """MIG profile → instances of it one GPU holds; empty where the GPU has no MIG."""


@cache
def catalogue() -> Mapping[str, InstanceType]:
    """Every known GPU instance type by name."""
    text = (files("serving") / "data" / "instance_types.yaml").read_text(encoding="utf-8")
    data = YAML(typ="safe", pure=True).load(text)
    return {
        name: InstanceType(
            name=name,
            vcpu=row["vcpu"],
            memory_mib=row["memory_mib"],
            allocatable_cpu=int(row["allocatable_cpu"].removesuffix("m")),
            allocatable_memory_mib=int(row["allocatable_memory"].removesuffix("Mi")),
            gpu=row["gpu"],
            gpus=row["gpus"],
            gpu_memory_mib=row["gpu_memory_mib"],
            usd_per_hour=row["usd_per_hour"],
            mig_profiles=data["mig_profiles"].get(f"{row['gpu']}-{row['gpu_memory_mib']}", {}),
        )
        for name, row in data["instance_types"].items()
    }


def mig_memory_mib(profile: str) -> int:
    """The memory of one MIG instance, from its name: `3g.20gb` → 20 480."""
    return int(profile.partition(".")[2].removesuffix("gb")) * 1024
