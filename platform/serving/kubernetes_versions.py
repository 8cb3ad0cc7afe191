"""What each version of Kubernetes is run with: images of nodes, and add-ons, each pinned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML


@dataclass(frozen=True, kw_only=True)
class KubernetesVersion:
    al2023: str
    """The release of AL2023's images, with and without a driver for GPUs."""
    add_ons: Mapping[str, str]
    """Name → version."""


@cache
def kubernetes_versions() -> Mapping[str, KubernetesVersion]:
    """By the version as EKS names it: `1.35`."""
    text = (files("serving") / "data" / "kubernetes_versions.yaml").read_text(encoding="utf-8")
    data = YAML(typ="safe", pure=True).load(text)
    return {version: KubernetesVersion(**pins) for version, pins in data.items()}
