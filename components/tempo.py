"""Traces, kept in S3: Tempo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.addon import Addon, AddonArgs, Installation
from components.charts import TEMPO
from components.network_policy import from_monitoring, into, to_aws
from components.pods import RESTRICTED_CONTAINER, RESTRICTED_POD
from components.surroundings import Surroundings

NAMESPACE: Final = "tempo"
SERVICE_ACCOUNT: Final = "tempo"
HOST: Final = f"tempo.{NAMESPACE}.svc.cluster.local"
PORT: Final = 3200
URL: Final = f"http://tempo.{NAMESPACE}.svc:{PORT}"
OTLP_GRPC_PORT: Final = 4317
OTLP_HTTP_PORT: Final = 4318
USER: Final = 10001


@dataclass(frozen=True, kw_only=True)
class TempoArgs:
    surroundings: Surroundings
    account_annotations: pulumi.Input[Mapping[str, str]]
    """Of its service account: what gives its pods their role."""
    bucket: pulumi.Input[str]
    region: str
    retention_days: int
    senders: Mapping[str, str]
    """Labels of the namespaces whose pods may send spans."""


class Tempo(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: TempoArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Tempo", name, None, opts)
        around = args.surroundings

        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="restricted",
                passes={
                    "questions-and-metrics": from_monitoring(around, PORT),
                    "spans": into(
                        {"namespace_selector": {"match_labels": args.senders}},
                        ports=[OTLP_GRPC_PORT, OTLP_HTTP_PORT],
                    ),
                    "aws": to_aws(),
                },
                releases={"tempo": Installation(chart=TEMPO, values=values(args))},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def values(args: TempoArgs) -> dict[str, Any]:
    around = args.surroundings
    return {
        "tempo": {
            "retention": f"{args.retention_days * 24}h",
            "reportingEnabled": False,
            "storage": {
                "trace": {
                    "backend": "s3",
                    "s3": {
                        "bucket": args.bucket,
                        "endpoint": f"s3.{args.region}.amazonaws.com",
                        "region": args.region,
                    },
                }
            },
            "securityContext": dict(RESTRICTED_CONTAINER),
            "resources": {
                "requests": {"cpu": "100m", "memory": "1Gi"},
                "limits": {"memory": "2Gi"},
            },
        },
        "serviceAccount": {"name": SERVICE_ACCOUNT, "annotations": args.account_annotations},
        "securityContext": {
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            **RESTRICTED_POD,
        },
        "persistence": {
            "enabled": True,
            "size": "10Gi",
        },
        "nodeSelector": dict(around.node_labels),
        "serviceMonitor": {"enabled": True, "interval": "15s"},
    }
