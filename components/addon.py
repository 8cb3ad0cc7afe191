"""An add-on: charts in a namespace of their own, where nothing passes that is not named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.networking.v1 import NetworkPolicySpecArgsDict

from components.charts import Chart
from components.images import pinned
from components.network_policy import DEFAULT_DENY, NAMES
from components.surroundings import Surroundings

TIMEOUT_SECONDS: Final = 900
"""Images of several gigabytes come before the first pod is ready."""

HISTORY: Final = 5


@dataclass(frozen=True, kw_only=True)
class Installation:
    chart: Chart
    values: Mapping[str, Any]
    brings_kinds_by_hook: bool = False
    """Until its hook has run, the objects of an upgrade may not be those that the cluster knows."""


@dataclass(frozen=True, kw_only=True)
class CustomObject:
    """An object of a kind that a chart brings, in the add-on's own namespace."""

    api_version: str
    kind: str
    spec: Mapping[str, Any]
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AddonArgs:
    surroundings: Surroundings
    namespace: str
    security: Literal["restricted", "privileged"]
    """Which pods the namespace admits; `privileged` only where pods are the node's own helpers."""
    passes: Mapping[str, NetworkPolicySpecArgsDict]
    """By a lasting name: all that may go in or out."""
    releases: Mapping[str, Installation]
    """By their names in the cluster; each is installed after the one before it."""
    before: Mapping[str, CustomObject] = field(default_factory=dict)
    """By name: what its charts must find there."""
    after: Mapping[str, CustomObject] = field(default_factory=dict)
    """By name: what its charts are for, and bring the kinds of."""
    labels: Mapping[str, str] = field(default_factory=dict)


class Addon(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: AddonArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Addon", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        namespace = k8s.core.v1.Namespace(
            name,
            metadata={
                "name": args.namespace,
                "labels": {**args.labels, **namespace_labels(args)},
            },
            opts=within,
        )
        self.namespace = namespace.metadata.apply(lambda metadata: str(metadata.name))
        after: list[pulumi.Resource] = [
            k8s.networking.v1.NetworkPolicy(
                f"{name}-{key}",
                metadata={"name": key, "namespace": self.namespace},
                spec=spec,
                opts=within,
            )
            for key, spec in {"default-deny": DEFAULT_DENY, "names": NAMES, **args.passes}.items()
        ]
        after += self._objects(name, args.before, [namespace])
        for key, installation in args.releases.items():
            after = [self._release(name, key, installation, args.surroundings, after)]
        self._objects(name, args.after, after)
        self.register_outputs({"namespace": self.namespace})

    def _objects(
        self,
        name: str,
        objects: Mapping[str, CustomObject],
        after: Sequence[pulumi.Resource],
    ) -> list[k8s.apiextensions.CustomResource]:
        return [
            k8s.apiextensions.CustomResource(
                f"{name}-{key}",
                api_version=each.api_version,
                kind=each.kind,
                metadata={
                    "name": key,
                    "namespace": self.namespace,
                    "annotations": dict(each.annotations),
                },
                spec=dict(each.spec),
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
            )
            for key, each in objects.items()
        ]

    def _release(
        self,
        name: str,
        key: str,
        installation: Installation,
        surroundings: Surroundings,
        after: list[pulumi.Resource],
    ) -> k8s.helm.v3.Release:
        chart = installation.chart
        packed = chart.repository.startswith("oci://")
        return k8s.helm.v3.Release(
            f"{name}-{key}",
            name=key,
            namespace=self.namespace,
            chart=f"{chart.repository}/{chart.name}" if packed else chart.name,
            version=chart.version,
            repository_opts=None if packed else {"repo": chart.repository},
            values=pinned(chart, installation.values, surroundings.digests),
            # What failed half-way is taken back, or Helm refuses to try again.
            atomic=True,
            timeout=TIMEOUT_SECONDS,
            max_history=HISTORY,
            disable_openapi_validation=installation.brings_kinds_by_hook or None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )


def namespace_labels(args: AddonArgs) -> dict[str, str]:
    return {
        "pod-security.kubernetes.io/enforce": args.security,
        "pod-security.kubernetes.io/enforce-version": f"v{args.surroundings.kubernetes_version}",
    }
