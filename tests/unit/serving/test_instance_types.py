"""CLU-10, SCH-2: what the catalogue says, and the arithmetic of what nodes keep for themselves."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.instance_types import (
    allocatable_cpu,
    allocatable_memory_mib,
    catalogue,
    gpu_types,
    mig_memory_mib,
    most_pods,
    price_list,
)


@pytest.mark.parametrize(
    ("name", "gpu", "gpus", "gpu_memory_mib", "vcpu", "usd"),
    [
        ("g4dn.xlarge", "t4", 1, 15360, 4, 0.526),
        ("g5.xlarge", "a10g", 1, 22888, 4, 1.006),
        ("g5.12xlarge", "a10g", 4, 22888, 48, 5.672),
        ("g6.xlarge", "l4", 1, 22888, 4, 0.8048),
        ("g6e.xlarge", "l40s", 1, 45776, 4, 1.861),
        ("p4d.24xlarge", "a100", 8, 40960, 96, 21.957642),
        ("p5.48xlarge", "h100", 8, 81559, 192, 55.04),
        ("m7i.xlarge", "", 0, 0, 4, 0.2016),
        ("c6i.large", "", 0, 0, 2, 0.085),
    ],
)
def test_the_catalogue_holds_what_its_source_says(
    name: str, gpu: str, gpus: int, gpu_memory_mib: int, vcpu: int, usd: float
) -> None:
    kind = catalogue()[name]
    assert (kind.gpu, kind.gpus, kind.gpu_memory_mib) == (gpu, gpus, gpu_memory_mib)
    assert (kind.vcpu, kind.usd_per_hour) == (vcpu, usd)


def test_prices_have_a_place_and_a_day() -> None:
    assert price_list().region == "us-east-1"
    assert price_list().date == datetime.date(2026, 7, 6)
    assert {name for name, kind in catalogue().items() if kind.usd_per_hour is None} == {
        "p5e.48xlarge"
    }


def test_a_type_has_gpus_of_one_kind_or_none() -> None:
    for kind in catalogue().values():
        assert bool(kind.gpu) == bool(kind.gpus) == bool(kind.gpu_memory_mib)
    assert len(gpu_types()) == 45


def test_only_a100_and_newer_can_be_cut_into_parts_and_no_part_is_larger_than_the_whole() -> None:
    cut = {kind.gpu for kind in catalogue().values() if kind.mig_profiles}
    assert cut == {"a100", "h100", "h200"}
    for kind in gpu_types().values():
        for profile, count in kind.mig_profiles.items():
            assert count * mig_memory_mib(profile) <= kind.gpu_memory_mib


@pytest.mark.parametrize(
    ("profile", "gib"),
    # As `nvidia-smi mig -lgip` prints them for A100 (40 and 80 GB), H100 and H200.
    [
        ("1g.5gb", 4.75), ("1g.10gb", 9.5), ("2g.10gb", 9.75), ("3g.20gb", 19.62),
        ("1g.20gb", 19.5), ("3g.40gb", 39.25), ("1g.18gb", 16.0),
        ("2g.35gb", 32.5), ("7g.141gb", 140.0),
    ],
)  # fmt: skip
def test_a_part_of_a_gpu_is_never_reckoned_larger_than_it_is(profile: str, gib: float) -> None:
    assert 0.88 * gib * 1024 < mig_memory_mib(profile) <= gib * 1024


@pytest.mark.parametrize("name", catalogue())
def test_what_is_left_for_pods_follows_from_what_a_node_keeps(name: str) -> None:
    kind = catalogue()[name]
    assert allocatable_cpu(kind.vcpu) == kind.allocatable_cpu
    # The figures of the source are for the pods that its network interfaces have addresses for.
    assert allocatable_memory_mib(kind.memory_mib, 4) > kind.allocatable_memory_mib
    assert allocatable_memory_mib(kind.memory_mib, 737) <= kind.allocatable_memory_mib


@pytest.mark.parametrize(
    ("memory_mib", "pods", "left"),
    [(16384, 29, 14481), (16384, 58, 14162), (65536, 234, 57691), (2097152, 100, 1938410)],
)
def test_memory_left_for_pods_is_what_the_source_says(
    memory_mib: int, pods: int, left: int
) -> None:
    assert allocatable_memory_mib(memory_mib, pods) == left


@given(vcpu=st.integers(1, 512))
def test_a_node_keeps_little_of_its_cpu_and_less_of_each_further_one(vcpu: int) -> None:
    kept = 1000 * vcpu - allocatable_cpu(vcpu)
    more = 1000 * (vcpu + 1) - allocatable_cpu(vcpu + 1)
    assert 60 <= kept <= 0.06 * 1000 * vcpu
    assert kept <= more <= kept + 10


@given(memory_mib=st.integers(4096, 1 << 22), pods=st.integers(4, 737))
def test_more_pods_leave_less_memory_for_each(memory_mib: int, pods: int) -> None:
    left = allocatable_memory_mib(memory_mib, pods)
    assert left - allocatable_memory_mib(memory_mib, pods + 1) == 11
    assert left < memory_mib


@pytest.mark.parametrize(("vcpu", "pods"), [(2, 110), (29, 110), (30, 250), (192, 250)])
def test_a_node_takes_as_many_pods_as_its_group_allows(vcpu: int, pods: int) -> None:
    assert most_pods(vcpu) == pods
