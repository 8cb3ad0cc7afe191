"""Versions: of Kubernetes and its add-ons, of charts and their images, of tools."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from serving.kubernetes_versions import kubernetes_versions
from serving.preflight.finding import Finding, failed, passed, unknown
from serving.preflight.stack import Stack

PINS = "platform/serving/data/kubernetes_versions.yaml"


@dataclass(frozen=True, kw_only=True)
class Tool:
    version: str | None
    """None where it does not tell one."""
    where: str


def kubernetes(stack: Stack, status: str | None) -> list[Finding]:
    """`status` is that of EKS's support; None where it does not know the version."""
    version = stack.settings.cluster.version
    about, do = f"Kubernetes {version}", f"pin a newer one in {PINS}, then write cluster.version"
    if status == "STANDARD_SUPPORT":
        return [passed(about, "EKS supports it")]
    if status == "EXTENDED_SUPPORT":
        said = "is in extended support, and a cluster here takes standard support only"
        return [failed(about, said, do)]
    return [failed(about, "EKS makes no cluster of it", do)]


def add_ons(stack: Stack, offered: Mapping[str, Sequence[str]]) -> list[Finding]:
    """`offered` for the stack's version of Kubernetes, newest first."""
    version = stack.settings.cluster.version
    pinned = pinned_add_ons(stack)
    found = []
    for name, pin in pinned.items():
        versions = offered.get(name, ())
        if pin not in versions:
            do = f"take {versions[0]}, in {PINS}" if versions else f"look at it in {PINS}"
            found.append(failed(name, f"EKS has no {pin} for Kubernetes {version}", do))
    return found or [passed(f"{len(pinned)} add-ons", f"EKS has them for Kubernetes {version}")]


def pinned_add_ons(stack: Stack) -> Mapping[str, str]:
    """Those that the settings ask for, with the versions that they are pinned to."""
    cluster = stack.settings.cluster
    left_out = set()
    if cluster.identity != "pod-identity":
        left_out.add("eks-pod-identity-agent")
    if not cluster.cloudwatch:
        left_out.add("amazon-cloudwatch-observability")
    pinned = kubernetes_versions()[cluster.version].add_ons
    return {name: version for name, version in pinned.items() if name not in left_out}


def charts(stack: Stack) -> list[Finding]:
    version = stack.settings.cluster.version
    found = [*_images(stack), *_charts(stack)]
    said = f"take Kubernetes {version}, and no image has a flaw known on {floors()['reviewed']}"
    return found or [passed(f"{len(stack.charts)} charts", said)]


def _images(stack: Stack) -> Iterator[Finding]:
    known: Mapping[str, Mapping[str, str]] = floors()["images"]
    for image in stack.images:
        name, _, tag = image.rpartition(":")
        if name not in known:
            continue
        floor, source = known[name]["floor"], known[name]["source"]
        if below(tag, floor):
            do = f"take {floor} or newer in components/charts.py and components/images.py"
            yield failed(image, f"is below {floor} and has {source}", do)


def _charts(stack: Stack) -> Iterator[Finding]:
    version = stack.settings.cluster.version
    known: Mapping[str, str] = floors()["kubernetes"]
    for name, chart_version in stack.charts.items():
        if name in known and below(version, known[name]):
            yield failed(
                f"chart {name}",
                f"{chart_version} takes Kubernetes {known[name]} or newer, not {version}",
                "write a newer cluster.version",
            )


def pulumi(found: Tool | None) -> list[Finding]:
    if found is None:
        return [failed("pulumi", "is not set up", "make setup")]
    return [passed("pulumi", f"{found.version}, {found.where}")]


def aws(found: Tool | None) -> list[Finding]:
    """It tells the provider of Kubernetes its token."""
    if found is None:
        said = "is not on PATH, and `up` gets its token for the cluster from it"
        return [failed("aws", said, "install the AWS command line, version 2")]
    if found.version is None:
        said = f"{found.where} tells no version"
        return [unknown("aws", said, "run it yourself: aws --version")]
    known: Mapping[int, str] = floors()["aws"]
    floor = known.get(numbers(found.version)[0])
    if floor and below(found.version, floor):
        return [failed("aws", f"is {found.version}, older than {floor}", "install a newer one")]
    return [passed("aws", f"{found.version}, {found.where}")]


def below(version: str, floor: str) -> bool:
    """Of several versions in one tag (`4.5.3-4.8.2`) each has a floor of its own."""
    parts = zip(version.split("-"), floor.split("-"), strict=False)
    return any(numbers(part) < numbers(least) for part, least in parts)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]+", version)))


@cache
def floors() -> Mapping[str, Any]:
    text = (files("serving") / "data" / "floors.yaml").read_text(encoding="utf-8")
    data: Mapping[str, Any] = YAML(typ="safe", pure=True).load(text)
    return data
