"""What is wrong with pools that are well-formed: with one another, and with the types they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from serving.contract.model import Environment
from serving.contract.problem import JsonPath
from serving.contract.rules.finding import Finding
from serving.instance_types import InstanceType, catalogue
from serving.pools.node import node
from serving.pools.pool import GpuPool, Nodes, SystemPool


def check(
    pools: Mapping[str, Nodes], zones: Sequence[str], environment: Environment
) -> Iterator[Finding]:
    """Paths are those within the mapping of pools."""
    if not any(isinstance(pool, SystemPool) and pool.nodes_per_zone.min for pool in pools.values()):
        yield Finding(
            fields=((),),
            what="has no pool of kind system that is never empty",
            do="add one with nodes_per_zone.min of 1: without it no add-on runs",
        )
    for name, pool in pools.items():
        for finding in _of(pool, zones, environment):
            (path,) = finding.fields
            yield Finding(
                fields=((name, *path),),
                what=finding.what,
                got=finding.got,
                expected=finding.expected,
                do=finding.do,
            )


def _of(pool: Nodes, zones: Sequence[str], environment: Environment) -> Iterator[Finding]:
    yield from _size(pool, zones)
    yield from _purchase(pool, zones, environment)
    yield from _image(pool)
    unknown = list(_unknown_types(pool))
    yield from unknown
    if not unknown:
        yield from _types(pool)
        yield from _sharing(pool)


def _size(pool: Nodes, zones: Sequence[str]) -> Iterator[Finding]:
    size = pool.nodes_per_zone
    if size.min > size.max:
        yield _finding(
            ("nodes_per_zone", "min"),
            "is above nodes_per_zone.max",
            got=f"{size.min}",
            expected=f"≤ {size.max}",
        )
    for index, zone in enumerate(pool.zones or ()):
        if zone not in zones:
            yield _finding(
                ("zones", index),
                "is not a zone of the network",
                got=zone,
                expected=f"one of {', '.join(zones)}",
                do="add it to network.zones, or leave it out",
            )


def _purchase(pool: Nodes, zones: Sequence[str], environment: Environment) -> Iterator[Finding]:
    reserved = pool.capacity_type in ("reservation", "block")
    if reserved != (pool.reservation is not None):
        yield _finding(
            ("reservation",),
            "goes with capacity_type: reservation or block, and they with it",
            got=f"{pool.reservation or 'nothing'} with capacity_type: {pool.capacity_type}",
            do="give both or neither",
        )
    if reserved and pool.reservation and len(pool.zones or zones) != 1:
        yield _finding(
            ("zones",),
            "are more than one, and a reservation is of one",
            got=", ".join(pool.zones or zones),
            do="name the reservation's zone",
        )
    if reserved and pool.reservation and len(pool.instance_types) != 1:
        yield _finding(
            ("instance_types",),
            "are more than one, and a reservation is of one",
            got=", ".join(pool.instance_types),
            do="name the reservation's type",
        )
    if pool.capacity_type == "block" and pool.nodes_per_zone.min:
        yield _finding(
            ("nodes_per_zone", "min"),
            "asks for nodes before the block has begun",
            got=f"{pool.nodes_per_zone.min}",
            expected="0",
        )
    if isinstance(pool, SystemPool) and pool.capacity_type == "spot" and environment == "prod":
        yield _finding(
            ("capacity_type",),
            "lets AWS take away what the cluster itself runs on",
            got="spot",
            expected="on-demand or reservation in prod",
        )


def _image(pool: Nodes) -> Iterator[Finding]:
    if pool.ami == "bottlerocket" and pool.ami_release is None:
        variant = "-nvidia" if isinstance(pool, GpuPool) else ""
        yield _finding(
            ("ami_release",),
            "is missing, and none is pinned for Bottlerocket",
            do="add the answer of: aws ssm get-parameter --name /aws/service/bottlerocket/"
            f"aws-k8s-<version>{variant}/x86_64/latest/image_version",
        )


def _unknown_types(pool: Nodes) -> Iterator[Finding]:
    for index, name in enumerate(pool.instance_types):
        known = name in catalogue()
        if known and pool.capacity:
            yield _finding(
                ("capacity",),
                f"is given, and the catalogue knows {name}",
                do="remove it",
            )
        if not known and not pool.capacity:
            close = get_close_matches(name, catalogue(), n=3)
            yield _finding(
                ("instance_types", index),
                "is not in the catalogue",
                got=name,
                do=(f"write one of {', '.join(close)}, or " if close else "")
                + "say what its nodes hold under capacity",
            )


def _types(pool: Nodes) -> Iterator[Finding]:
    wants = isinstance(pool, GpuPool)
    if bool(node(pool).gpus) != wants:
        yield _finding(
            ("instance_types", 0),
            "has no GPU" if wants else "has a GPU, which would idle",
            got=pool.instance_types[0],
            do="write kind: cpu" if wants else "write kind: gpu",
        )
        return
    if pool.capacity:
        return
    first, *others = (catalogue()[name] for name in pool.instance_types)
    for index, other in enumerate(others, start=1):
        if _size_of(other) != _size_of(first):
            yield _finding(
                ("instance_types", index),
                f"differs from {first.name} in size, and the autoscaler reckons with one size",
                got=f"{other.name}, {_shown(other)}",
                expected=_shown(first),
                do="give it a pool of its own",
            )


def _sharing(pool: Nodes) -> Iterator[Finding]:
    if not isinstance(pool, GpuPool):
        return
    for field, sharing in (("mig_profile", "mig"), ("time_slices", "time-slicing")):
        given = getattr(pool, field) is not None
        if given != (pool.sharing == sharing):
            yield _finding(
                (field,),
                f"goes with sharing: {sharing}, and that with it",
                got=f"{getattr(pool, field) or 'nothing'} with sharing: {pool.sharing}",
                do="give both or neither",
            )
    if pool.sharing == "mig" and pool.mig_profile:
        for index, name in enumerate(pool.instance_types):
            kind = catalogue().get(name)
            profiles = kind.mig_profiles if kind else {}
            if pool.mig_profile not in profiles:
                yield _finding(
                    ("mig_profile",),
                    f"is no MIG profile of {pool.instance_types[index]}",
                    got=pool.mig_profile,
                    expected=" or ".join(profiles) or "a type with MIG: A100, H100 or H200",
                    do=None if profiles else "share by time-slicing, or name such a type",
                )
    if pool.sharing != "none" and pool.ami == "bottlerocket":
        yield _finding(
            ("ami",),
            "brings a device plugin that does not share",
            got="bottlerocket",
            expected="al2023",
        )


def _size_of(kind: InstanceType) -> tuple[int, int, int]:
    return kind.vcpu, kind.memory_mib, kind.gpus


def _shown(kind: InstanceType) -> str:
    gpus = f", {kind.gpus} GPUs" if kind.gpus else ""
    return f"{kind.vcpu} vCPUs, {kind.memory_mib // 1024} GiB{gpus}"


def _finding(
    path: JsonPath,
    what: str,
    *,
    got: str | None = None,
    expected: str | None = None,
    do: str | None = None,
) -> Finding:
    return Finding(fields=(path,), what=what, got=got, expected=expected, do=do)
