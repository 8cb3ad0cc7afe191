"""How the pools' GPUs are shared, as the GPU operator and its nodes must be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from components.gpu_operator import MIG_LABEL, PROFILE_LABEL, mig_config, time_slicing_profile
from serving.pools.pool import GpuPool, Nodes

OWN_PLUGIN: Final[Mapping[str, str]] = {
    "nvidia.com/gpu.deploy.device-plugin": "false",
    "nvidia.com/gpu.deploy.mig-manager": "false",
}
"""Labels of nodes whose image brings both."""


def sharing_labels(pool: Nodes) -> Mapping[str, str]:
    """Of the pool's nodes: what the operator does with their GPUs."""
    if not isinstance(pool, GpuPool):
        return {}
    if pool.ami == "bottlerocket":
        return OWN_PLUGIN
    if pool.mig_profile is not None:
        return {MIG_LABEL: mig_config(pool.mig_profile)}
    if pool.time_slices is not None:
        return {PROFILE_LABEL: time_slicing_profile(pool.time_slices)}
    return {}


def time_slicing(pools: Iterable[Nodes]) -> Mapping[str, int]:
    """The profiles that nodes name."""
    shared = {pool.time_slices for pool in _operated(pools) if pool.time_slices is not None}
    return {time_slicing_profile(slices): slices for slices in sorted(shared)}


def has_mig(pools: Iterable[Nodes]) -> bool:
    return any(pool.mig_profile is not None for pool in _operated(pools))


def needs_device_plugin(pools: Iterable[Nodes]) -> bool:
    """Where no node's image brings one; without any GPU it waits for the first."""
    gpus = [pool for pool in pools if isinstance(pool, GpuPool)]
    return not gpus or any(True for _ in _operated(gpus))


def _operated(pools: Iterable[Nodes]) -> Iterable[GpuPool]:
    return (pool for pool in pools if isinstance(pool, GpuPool) and pool.ami != "bottlerocket")
