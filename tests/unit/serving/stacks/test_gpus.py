from __future__ import annotations

from typing import Any

import pytest

from components.gpu_operator import GpuOperatorArgs
from serving.instance_types import catalogue
from serving.pools.pool import GpuPool, PerZone, SystemPool
from serving.stacks.gpus import has_mig, needs_device_plugin, sharing_labels, time_slicing
from tests.unit.components.examples import SURROUNDINGS

SIZE = PerZone(min=0, max=1)
SYSTEM = SystemPool(kind="system", instance_types=("m6i.large",), nodes_per_zone=SIZE)


def pool(**changes: Any) -> GpuPool:
    return GpuPool(
        **({"kind": "gpu", "instance_types": ("p4d.24xlarge",), "nodes_per_zone": SIZE} | changes)
    )


MIG = pool(sharing="mig", mig_profile="1g.5gb")
SLICED = pool(sharing="time-slicing", time_slices=4)
BOTTLEROCKET = pool(ami="bottlerocket", ami_release="1.2.3")


@pytest.mark.parametrize(
    ("nodes", "labels"),
    [
        (pool(), {}),
        (SYSTEM, {}),
        (MIG, {"nvidia.com/mig.config": "all-1g.5gb"}),
        (SLICED, {"nvidia.com/device-plugin.config": "shared-4"}),
        (
            BOTTLEROCKET,
            {
                "nvidia.com/gpu.deploy.device-plugin": "false",
                "nvidia.com/gpu.deploy.mig-manager": "false",
            },
        ),
    ],
    ids=["whole", "system", "mig", "slices", "bottlerocket"],
)
def test_nodes_say_how_their_gpus_are_shared(nodes: Any, labels: dict[str, str]) -> None:
    """GPU-5, GPU-6. One device plugin: not the operator's where the image brings its own."""
    assert sharing_labels(nodes) == labels


def test_every_profile_that_a_node_names_is_one_that_the_operator_has() -> None:
    pools = [pool(), SYSTEM, MIG, SLICED, pool(sharing="time-slicing", time_slices=8), SLICED]
    profiles = time_slicing(pools)
    assert profiles == {"shared-4": 4, "shared-8": 8}
    named = {sharing_labels(each).get("nvidia.com/device-plugin.config") for each in pools}
    assert named - {None} == profiles.keys()
    GpuOperatorArgs(surroundings=SURROUNDINGS, counters="", time_slicing=profiles)


@pytest.mark.parametrize(
    ("pools", "mig", "plugin"),
    [
        ([SYSTEM], False, True),
        ([SYSTEM, pool()], False, True),
        ([pool(), MIG], True, True),
        ([BOTTLEROCKET], False, False),
        ([BOTTLEROCKET, pool()], False, True),
    ],
    ids=["none", "whole", "mig", "bottlerocket", "both"],
)
def test_the_operator_does_what_a_pool_needs(pools: list[Any], mig: bool, plugin: bool) -> None:
    assert has_mig(pools) is mig
    assert needs_device_plugin(pools) is plugin


MIG_CONFIGS = {
    "1g.5gb", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb", "1g.20gb", "2g.20gb",
    "3g.40gb", "4g.40gb", "7g.80gb", "1g.18gb", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb",
    "7g.141gb",
}  # fmt: skip
"""`all-…` in NVIDIA/gpu-operator v26.3.3, assets/state-mig-manager/0400_configmap.yaml (Apache-2.0)
of the catalogue's GPUs."""


def test_every_cut_of_the_catalogue_is_one_that_the_operator_makes() -> None:
    profiles = {profile for kind in catalogue().values() for profile in kind.mig_profiles}
    assert profiles
    assert profiles <= MIG_CONFIGS
