"""What EC2's instance types hold: the catalogue that contracts and pools are checked against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

from ruamel.yaml import YAML

MIB: Final = 1 << 20

_HYPERVISOR_SHARE: Final = 0.075
"""Of the memory that AWS names; what Karpenter reckons with."""
_EVICTION_MIB: Final = 100

_ROUNDED_UP: Final = 0.05
"""Of the gigabytes in a MIG profile's name: 1g.18gb, the worst, has 16.0 GiB, 1g.5gb 4.75 GiB
(`nvidia-smi mig -lgip`)."""


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
    """Of which kind; empty where it has none."""
    gpus: int
    gpu_memory_mib: int
    """Of one GPU, as far as its driver gives it to programs."""
    nvme_gb: int
    """Local disks, all together."""
    network_mbps: int
    usd_per_hour: float | None
    """On demand, in the region of the price list; None where it lists no price."""
    mig_profiles: Mapping[str, int]
    """MIG profile → instances of it one GPU holds; empty where the GPU has no MIG."""


@dataclass(frozen=True, kw_only=True)
class PriceList:
    region: str
    date: date


@cache
def catalogue() -> Mapping[str, InstanceType]:
    """Every known instance type by name."""
    data = _data()
    return {
        name: InstanceType(
            name=name,
            vcpu=row["vcpu"],
            memory_mib=row["memory_mib"],
            allocatable_cpu=int(row["allocatable_cpu"].removesuffix("m")),
            allocatable_memory_mib=int(row["allocatable_memory"].removesuffix("Mi")),
            gpu=row.get("gpu", ""),
            gpus=row.get("gpus", 0),
            gpu_memory_mib=_gpu_memory_mib(data, row),
            nvme_gb=row.get("nvme_gb", 0),
            network_mbps=row["network_mbps"],
            usd_per_hour=row["usd_per_hour"],
            mig_profiles=_mig_profiles(data, row),
        )
        for name, row in data["instance_types"].items()
    }


@cache
def gpu_types() -> Mapping[str, InstanceType]:
    """Those that a model may ask for by name."""
    return {name: kind for name, kind in catalogue().items() if kind.gpus}


@cache
def price_list() -> PriceList:
    return PriceList(**_data()["prices"])


def mig_memory_mib(profile: str) -> int:
    """What a MIG instance has at least, from its name: `3g.20gb` → 18 119."""
    named = int(profile.partition(".")[2].removesuffix("gb"))
    return int(named * 10**9 * (1 - _ROUNDED_UP)) // MIB


def most_pods(vcpu: int) -> int:
    """On one node. EKS recommends no more, and its groups take no more."""
    return 110 if vcpu < 30 else 250


def most_addresses(vcpu: int) -> int:
    """Of pods, on the network interfaces of a type that the catalogue does not know."""
    return 254 if vcpu < 30 else 737


def allocatable_cpu(vcpu: int) -> int:
    """As AL2023's nodeadm reserves: 6 % of the first, 1 % of the second, 0.5 % of the next two,
    0.25 % of the rest."""
    reserved = 60 + 10 * (vcpu > 1) + 5 * (min(vcpu, 4) - 2) * (vcpu > 2) + 2.5 * max(0, vcpu - 4)
    return int(1000 * vcpu - reserved)


def allocatable_memory_mib(memory_mib: int, pods: int) -> int:
    """As AL2023's nodeadm reserves, for the pods that the network interfaces have addresses for."""
    return int(memory_mib * (1 - _HYPERVISOR_SHARE)) - (255 + 11 * pods) - _EVICTION_MIB


def _gpu_memory_mib(data: Mapping[str, Any], row: Mapping[str, Any]) -> int:
    named: int = row.get("gpu_memory_mib", 0)
    shown: int = data["gpu_memory_shown_mib"].get(row.get("gpu"), named)
    return min(named, shown)


def _mig_profiles(data: Mapping[str, Any], row: Mapping[str, Any]) -> Mapping[str, int]:
    profiles: Mapping[str, int] = data["mig_profiles"].get(
        f"{row.get('gpu')}-{row.get('gpu_memory_mib')}", {}
    )
    return profiles


@cache
def _data() -> Mapping[str, Any]:
    text = (files("serving") / "data" / "instance_types.yaml").read_text(encoding="utf-8")
    data: Mapping[str, Any] = YAML(typ="safe", pure=True).load(text)
    return data
