"""SCH-2: replicas are put onto nodes as far as they fit, and nobody is forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from serving.capacity.fit import Need
from serving.capacity.packing import Packed, Replica, pack
from serving.capacity.room import Room

ROOM = Room(
    cpu=4000, memory_mib=16_000, pods=10, accelerators={"nvidia.com/gpu": 4}, gpu_memory_mib=24_000
)


def replica(
    cpu: int = 100, memory_mib: int = 100, gpus: int = 0, tenant: str = "a", dedicated: bool = False
) -> Replica:
    asked = {"nvidia.com/gpu": gpus} if gpus else {}
    need = Need(cpu=cpu, memory_mib=memory_mib, accelerators=asked, gpu_memory_mib=0)
    return Replica(model=f"of-{tenant}", tenant=tenant, dedicated=dedicated, need=need)


def sizes(packed: Packed) -> Sequence[int]:
    return [len(there) for there in packed.nodes]


def test_gpus_fill_a_node_though_its_cpus_idle() -> None:
    assert sizes(pack([replica(gpus=1)] * 6, ROOM, most=5)) == [4, 2]


def test_cpus_fill_a_node_though_its_gpus_idle() -> None:
    assert sizes(pack([replica(cpu=2000, gpus=1)] * 4, ROOM, most=5)) == [2, 2]


def test_small_ones_go_beside_large_ones() -> None:
    mixed = [replica(cpu=1000)] * 2 + [replica(cpu=3000)] * 2
    assert sizes(pack(mixed, ROOM, most=5)) == [2, 2]


def test_a_node_takes_no_more_pods_than_it_may() -> None:
    assert sizes(pack([replica(cpu=1, memory_mib=1)] * 25, ROOM, most=5)) == [10, 10, 5]


def test_what_finds_no_node_is_told() -> None:
    packed = pack([replica(gpus=4)] * 3, ROOM, most=2)
    assert sizes(packed) == [1, 1]
    assert len(packed.unplaced) == 1
    assert pack([replica()], ROOM, most=0).unplaced == [replica()]


def test_a_tenant_that_shares_with_nobody_has_nodes_of_its_own() -> None:
    own = [replica(tenant="clinic", dedicated=True)] * 3
    packed = pack([*own, *[replica(tenant="shop")] * 3], ROOM, most=5)
    assert [{each.tenant for each in there} for there in packed.nodes] == [{"clinic"}, {"shop"}]
    alone = pack([*own, replica(tenant="shop")], ROOM, most=1)
    assert [each.tenant for each in alone.unplaced] == ["shop"]


REPLICAS = st.lists(
    st.builds(
        replica,
        cpu=st.integers(1, 5000),
        memory_mib=st.integers(1, 20_000),
        gpus=st.integers(0, 5),
        tenant=st.sampled_from("abc"),
    ).map(lambda each: Replica(**{**vars(each), "dedicated": each.tenant == "a"})),
    max_size=40,
)


@given(replicas=REPLICAS, most=st.integers(0, 12))
def test_everyone_is_placed_or_told_and_no_node_is_overfull(
    replicas: list[Replica], most: int
) -> None:
    packed = pack(replicas, ROOM, most)
    everyone = [*packed.unplaced, *(each for there in packed.nodes for each in there)]
    assert sorted(map(repr, everyone)) == sorted(map(repr, replicas))
    assert len(packed.nodes) <= most
    for there in packed.nodes:
        assert there
        assert sum(each.need.cpu for each in there) <= ROOM.cpu
        assert sum(each.need.memory_mib for each in there) <= ROOM.memory_mib
        assert sum(each.need.accelerators.get("nvidia.com/gpu", 0) for each in there) <= 4
        assert len(there) <= ROOM.pods
        tenants = {each.tenant for each in there}
        assert len(tenants) == 1 or not any(each.dedicated for each in there)


@given(replicas=REPLICAS, most=st.integers(0, 12))
def test_one_node_more_leaves_no_more_of_equal_replicas_out(
    replicas: list[Replica], most: int
) -> None:
    equal = replicas[:1] * len(replicas)
    fewer = len(pack(equal, ROOM, most).unplaced)
    assert len(pack(equal, ROOM, most + 1).unplaced) <= fewer


@given(replicas=REPLICAS)
def test_nobody_who_fits_an_empty_node_is_left_out_where_there_are_enough(
    replicas: list[Replica],
) -> None:
    for left in pack(replicas, ROOM, most=len(replicas)).unplaced:
        asked = left.need
        assert (
            asked.cpu > ROOM.cpu
            or asked.memory_mib > ROOM.memory_mib
            or asked.accelerators.get("nvidia.com/gpu", 0) > 4
        )
