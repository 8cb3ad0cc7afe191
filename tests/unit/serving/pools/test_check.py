"""CLU-2, CLU-5, CLU-10, GPU-5, GPU-6: a pool that cannot be built is refused, with what to do."""

from __future__ import annotations

from typing import Any

import pytest

from serving.errors import InputError
from serving.settings import AwsSettings
from tests.unit import stacks

SYSTEM = {
    "kind": "system",
    "instance_types": ["m7i.xlarge"],
    "nodes_per_zone": {"min": 1, "max": 2},
}
GPU: dict[str, Any] = {
    "kind": "gpu",
    "instance_types": ["g5.xlarge"],
    "nodes_per_zone": {"min": 0, "max": 2},
}
CPU: dict[str, Any] = {**GPU, "kind": "cpu", "instance_types": ["c7i.2xlarge"]}
RESERVED = {"capacity_type": "reservation", "reservation": "cr-0123456789abcdef0", "zones": ["a"]}


def settings(pools: dict[str, Any], stack: str = "prod") -> AwsSettings:
    found = stacks.settings(stack, pools=pools)
    assert isinstance(found, AwsSettings)
    return found


def refused(pools: dict[str, Any], stack: str = "prod") -> list[str]:
    with pytest.raises(InputError) as error:
        settings(pools, stack)
    return str(error.value).splitlines()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"instance_types": ["g6.xlarge", "g5.xlarge", "g4dn.xlarge"], "capacity_type": "spot"},
        {"instance_types": ["g5.12xlarge"], "taint": "large-models", "workload": "gpu-vllm-large"},
        {"instance_types": ["p4d.24xlarge"], "sharing": "mig", "mig_profile": "1g.5gb"},
        {"sharing": "time-slicing", "time_slices": 4, "labels": {"team": "vision"}},
        {"instance_types": ["p5.48xlarge"], **RESERVED},
        {"instance_types": ["p5.48xlarge"], **RESERVED, "capacity_type": "block"},
        {"ami": "bottlerocket", "ami_release": "1.26.1-943d9a41"},
        {
            "instance_types": ["g9.xlarge"],
            "capacity": {"vcpu": 8, "memory": "32Gi", "gpus": 1, "gpu_memory": "32Gi"},
        },
    ],
)
def test_pools_of_every_kind_are_taken(changes: dict[str, Any]) -> None:
    pools = settings({"system": SYSTEM, "cpu-compute": CPU, "gpu": {**GPU, **changes}}).pools
    assert list(pools) == ["system", "cpu-compute", "gpu"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nodes_per_zone": {"min": 3, "max": 2}}, "nodes_per_zone.min: is above"),
        ({"nodes_per_zone": {"min": 0, "max": 0}}, "nodes_per_zone.max: is not valid, got 0"),
        (
            {"zones": ["f"]},
            "zones[0]: is not a zone of the network, got f, expected one of a, b, c",
        ),
        ({"zones": ["a", "a"]}, "zones: is not valid, got ['a', 'a'], expected each zone once"),
        ({"root_gib": 20}, "root_gib: is not valid, got 20, expected ≥ 100"),
        ({"instance_types": []}, "instance_types: is not valid"),
        (
            {"instance_types": ["g5.xlage"]},
            "instance_types[0]: is not in the catalogue, got g5.xlage, do: write one of g5.xlarge",
        ),
        (
            {"instance_types": ["quantum"]},
            "instance_types[0]: is not in the catalogue, got quantum, "
            "do: say what its nodes hold under capacity",
        ),
        (
            {"capacity": {"vcpu": 8, "memory": "32Gi", "gpus": 1, "gpu_memory": "32Gi"}},
            "capacity: is given, and the catalogue knows g5.xlarge, do: remove it",
        ),
        (
            {"instance_types": ["m7i.xlarge"]},
            "instance_types[0]: has no GPU, got m7i.xlarge, do: write kind: cpu",
        ),
        (
            {"instance_types": ["g5.xlarge", "g5.2xlarge"]},
            "instance_types[1]: differs from g5.xlarge in size, and the autoscaler reckons with "
            "one size, got g5.2xlarge, 8 vCPUs, 32 GiB, 1 GPUs, expected 4 vCPUs, 16 GiB, 1 GPUs, "
            "do: give it a pool of its own",
        ),
        (
            {"sharing": "mig", "mig_profile": "1g.5gb"},
            "mig_profile: is no MIG profile of g5.xlarge, got 1g.5gb, expected a type with MIG: "
            "A100, H100 or H200, do: share by time-slicing, or name such a type",
        ),
        (
            {"instance_types": ["p5.48xlarge"], "sharing": "mig", "mig_profile": "1g.5gb"},
            "mig_profile: is no MIG profile of p5.48xlarge, got 1g.5gb, expected 1g.10gb or ",
        ),
        ({"sharing": "mig"}, "mig_profile: goes with sharing: mig, and that with it"),
        ({"mig_profile": "1g.5gb"}, "mig_profile: goes with sharing: mig, and that with it"),
        ({"sharing": "time-slicing"}, "time_slices: goes with sharing: time-slicing"),
        ({"time_slices": 4}, "time_slices: goes with sharing: time-slicing"),
        (
            {"sharing": "time-slicing", "time_slices": 1},
            "time_slices: is not valid, got 1, expected ≥ 2",
        ),
        (
            {
                "sharing": "time-slicing",
                "time_slices": 2,
                "ami": "bottlerocket",
                "ami_release": "1.26.1-943d9a41",
            },
            "ami: brings a device plugin that does not share, got bottlerocket, expected al2023",
        ),
        (
            {"ami": "bottlerocket"},
            "ami_release: is missing, and none is pinned for Bottlerocket, do: add the answer of: "
            "aws ssm get-parameter",
        ),
        ({"capacity_type": "reservation"}, "reservation: goes with capacity_type"),
        (
            {"reservation": "cr-0123456789abcdef0"},
            "reservation: goes with capacity_type: reservation",
        ),
        (
            {**RESERVED, "zones": ["a", "b"]},
            "zones: are more than one, and a reservation is of one",
        ),
        (
            {**RESERVED, "instance_types": ["g5.xlarge", "g6.xlarge"]},
            "instance_types: are more than one, and a reservation is of one",
        ),
        (
            {**RESERVED, "capacity_type": "block", "nodes_per_zone": {"min": 1, "max": 2}},
            "nodes_per_zone.min: asks for nodes before the block has begun, got 1, expected 0",
        ),
        ({"reservation": "my-reservation"}, "reservation: is not valid, got 'my-reservation'"),
        (
            {"labels": {"workload": "gpu"}},
            "labels: is not valid, got a mapping, expected labels of your own, and workload ",
        ),
        ({"labels": {"nvidia.com/gpu.product": "A10G"}}, "labels: is not valid"),
        ({"taints": ["a"]}, "taints: is not a known field"),
        ({"kind": "tpu"}, "kind: is not one of the known kinds, got tpu"),
    ],
)
def test_what_cannot_be_is_said_where_it_stands(changes: dict[str, Any], said: str) -> None:
    (line,) = refused({"system": SYSTEM, "gpu": {**GPU, **changes}})
    assert line.startswith(f"Pulumi.prod.yaml: serving:pools.gpu.{said}"), line


def test_a_cpu_pool_knows_nothing_of_gpus() -> None:
    (line,) = refused({"system": SYSTEM, "cpu": {**CPU, "sharing": "mig"}})
    assert "serving:pools.cpu.sharing: is not a known field" in line
    (line,) = refused({"system": SYSTEM, "cpu": {**CPU, "instance_types": ["g5.xlarge"]}})
    assert "has a GPU, which would idle, got g5.xlarge, do: write kind: gpu" in line


@pytest.mark.parametrize(
    "pools", [{}, {"gpu": GPU}, {"system": {**SYSTEM, "nodes_per_zone": {"min": 0, "max": 2}}}]
)
def test_a_cluster_has_nodes_for_itself(pools: dict[str, Any]) -> None:
    (line,) = refused(pools)
    assert line.startswith("Pulumi.prod.yaml: serving:pools: has no pool of kind system")
    assert "do: add one with nodes_per_zone.min of 1" in line


def test_what_the_cluster_runs_on_cannot_be_taken_away_in_prod() -> None:
    spot = {"system": {**SYSTEM, "capacity_type": "spot"}}
    (line,) = refused(spot)
    assert "pools.system.capacity_type: lets AWS take away what the cluster itself runs on" in line
    assert settings(spot, "dev").pools["system"].capacity_type == "spot"


def test_every_mistake_is_said_at_once() -> None:
    lines = refused(
        {
            "system": SYSTEM,
            "gpu": {
                **GPU,
                "zones": ["h"],
                "sharing": "mig",
                "nodes_per_zone": {"min": 9, "max": 1},
            },
        }
    )
    assert len(lines) == 3


def test_pools_of_one_name_are_one_pool_and_names_fit_a_label() -> None:
    (line,) = refused({"system": SYSTEM, "GPU_1": GPU})
    assert "serving:pools.GPU_1: is not a valid key" in line


def test_a_version_without_pins_is_refused() -> None:
    with pytest.raises(InputError) as error:
        stacks.settings("dev", cluster={"version": "1.29", "administrators": {"deploy": "deploy"}})
    assert str(error.value) == (
        "Pulumi.dev.yaml: serving:cluster.version: has no images and add-ons pinned, got 1.29, "
        "expected one of 1.35, do: pin them in platform/serving/data/kubernetes_versions.yaml"
    )
