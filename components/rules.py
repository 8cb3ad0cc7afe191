"""Recording rules and alerts that the Prometheus of the cluster finds by their kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s


@dataclass(frozen=True, kw_only=True)
class RulesArgs:
    namespace: pulumi.Input[str]
    groups: Sequence[Mapping[str, Any]]
    """As Prometheus' own files have them."""


class Rules(pulumi.ComponentResource):
    groups: pulumi.Output[list[str]]
    """Their names."""

    def __init__(
        self, name: str, args: RulesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Rules", name, None, opts)
        k8s.apiextensions.CustomResource(
            name,
            api_version="monitoring.coreos.com/v1",
            kind="PrometheusRule",
            metadata={"name": name, "namespace": args.namespace},
            spec={"groups": [dict(group) for group in args.groups]},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.groups = pulumi.Output.from_input([str(group["name"]) for group in args.groups])
        self.register_outputs({"groups": self.groups})
