"""Dashboards that Grafana finds by the label of what they lie in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as k8s

LABEL: Final[Mapping[str, str]] = {"grafana_dashboard": "1"}
"""What the container beside Grafana looks for."""


@dataclass(frozen=True, kw_only=True)
class DashboardsArgs:
    namespace: pulumi.Input[str]
    documents: Mapping[str, str]
    """Name → JSON."""


class Dashboards(pulumi.ComponentResource):
    names: pulumi.Output[list[str]]

    def __init__(
        self, name: str, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Dashboards", name, None, opts)

        for key, document in args.documents.items():
            k8s.core.v1.ConfigMap(
                f"{name}-{key}",
                metadata={
                    "name": f"{name}-{key}",
                    "namespace": args.namespace,
                    "labels": dict(LABEL),
                },
                data={f"{key}.json": document},
                opts=pulumi.ResourceOptions(parent=self),
            )

        self.names = pulumi.Output.from_input(sorted(args.documents))
        self.register_outputs({"names": self.names})
