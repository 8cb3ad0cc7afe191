"""What each node of a pool is: what it holds, what it is known by, what it keeps off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from serving.contract.placement import GPU_TAINT
from serving.instance_types import (
    MIB,
    InstanceType,
    allocatable_cpu,
    allocatable_memory_mib,
    catalogue,
    most_addresses,
)
from serving.pools.pool import SYSTEM, Capacity, CpuPool, GpuPool, Nodes

WORKLOAD: Final = "workload"
"""The label that pods select nodes by."""

_ACCELERATOR: Final = "k8s.amazonaws.com/accelerator"
"""Tells the autoscaler to wait until a new node's GPUs can be asked for."""


def node(pool: Nodes) -> InstanceType:
    """The least that a node of the pool holds, at the price of the type that is tried first."""
    if pool.capacity:
        return _described(pool.instance_types[0], pool.capacity)
    kinds = [catalogue()[name] for name in pool.instance_types]
    return replace(
        kinds[0],
        allocatable_memory_mib=min(kind.allocatable_memory_mib for kind in kinds),
        gpu_memory_mib=min(kind.gpu_memory_mib for kind in kinds),
        nvme_gb=min(kind.nvme_gb for kind in kinds),
        network_mbps=min(kind.network_mbps for kind in kinds),
        mig_profiles={
            profile: min(kind.mig_profiles.get(profile, 0) for kind in kinds)
            for profile in kinds[0].mig_profiles
        },
    )


def workload(name: str, pool: Nodes) -> str:
    match pool:
        case CpuPool(workload=said) | GpuPool(workload=said):
            return said or name
    return SYSTEM


def labels(name: str, pool: Nodes) -> Mapping[str, str]:
    """Without those that say how GPUs are shared, which are the GPU operator's."""
    own = {**pool.labels, WORKLOAD: workload(name, pool)}
    return {**own, _ACCELERATOR: "nvidia"} if isinstance(pool, GpuPool) else own


def taints(name: str, pool: Nodes) -> Mapping[str, str]:
    """Key → value; what does not tolerate them is not scheduled."""
    match pool:
        case GpuPool():
            return {GPU_TAINT: pool.taint}
        case CpuPool():
            return {WORKLOAD: workload(name, pool)}
    return {}


def accelerators(pool: Nodes) -> Mapping[str, int]:
    """What pods can ask for of a node's GPUs, and how often."""
    if not isinstance(pool, GpuPool):
        return {}
    kind = node(pool)
    match pool.sharing:
        case "mig":
            profile = str(pool.mig_profile)
            return {f"nvidia.com/mig-{profile}": kind.gpus * kind.mig_profiles[profile]}
        case "time-slicing":
            return {"nvidia.com/gpu": kind.gpus * (pool.time_slices or 1)}
    return {"nvidia.com/gpu": kind.gpus}


def _described(name: str, capacity: Capacity) -> InstanceType:
    memory_mib = capacity.memory // MIB
    return InstanceType(
        name=name,
        vcpu=capacity.vcpu,
        memory_mib=memory_mib,
        allocatable_cpu=allocatable_cpu(capacity.vcpu),
        allocatable_memory_mib=allocatable_memory_mib(memory_mib, most_addresses(capacity.vcpu)),
        gpu="unknown" if capacity.gpus else "",
        gpus=capacity.gpus,
        gpu_memory_mib=(capacity.gpu_memory or 0) // MIB,
        nvme_gb=0,
        network_mbps=0,
        usd_per_hour=capacity.usd_per_hour,
        mig_profiles={},
    )
