"""Logs, kept in S3 and asked for by their labels: Loki."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.addon import Addon, AddonArgs, Installation
from components.charts import LOKI
from components.network_policy import from_monitoring, into, pods_of, to_aws, within
from components.pods import spread
from components.surroundings import Surroundings

NAMESPACE: Final = "loki"
SERVICE_ACCOUNT: Final = "loki"
PORT: Final = 3100
URL: Final = f"http://loki.{NAMESPACE}.svc:{PORT}"

TENANT: Final = "platform"
"""Loki keeps its own tenants apart, and asks who is who. All here belongs to one, so that one
question finds what happened; whose log a line is, a label says."""

SCHEMA_FROM: Final = "2026-01-01"
"""A day before any line was written; the schema of a day must never change."""


@dataclass(frozen=True, kw_only=True)
class LokiArgs:
    surroundings: Surroundings
    account_annotations: pulumi.Input[Mapping[str, str]]
    """Of its service account: what gives its pods their role."""
    bucket: pulumi.Input[str]
    region: str
    retention_days: int
    writers: str
    """Namespace whose pods may send lines."""


class Loki(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: LokiArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Loki", name, None, opts)
        around = args.surroundings

        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="restricted",
                passes={
                    "within": within(),
                    "questions-and-metrics": from_monitoring(around, PORT),
                    "lines": into(pods_of(args.writers), ports=[PORT]),
                    "aws": to_aws(),
                },
                releases={"loki": Installation(chart=LOKI, values=values(args))},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def values(args: LokiArgs) -> dict[str, Any]:
    around = args.surroundings
    # A line is kept by two of three, and taken once two have it.
    replicas = 3 if around.replicas > 1 else 1
    return {
        "deploymentMode": "Monolithic",
        "loki": configuration(args, replicas),
        "singleBinary": {
            "replicas": replicas,
            "nodeSelector": dict(around.node_labels),
            "topologySpreadConstraints": spread({"app.kubernetes.io/name": "loki"}),
            "resources": {
                "requests": {"cpu": "100m", "memory": "1Gi"},
                "limits": {"memory": "2Gi"},
            },
            "persistence": {"size": "20Gi"},
        },
        # Of the chart's other ways to run it.
        **{part: {"replicas": 0} for part in ("backend", "read", "write")},
        "serviceAccount": {"name": SERVICE_ACCOUNT, "annotations": args.account_annotations},
        "monitoring": {"serviceMonitor": {"enabled": True}},
        "sidecar": {"rules": {"enabled": False}},
        "gateway": {"enabled": False},
        "chunksCache": {"enabled": False},
        "resultsCache": {"enabled": False},
        "lokiCanary": {"enabled": False},
        "test": {"enabled": False},
    }


def configuration(args: LokiArgs, replicas: int) -> dict[str, Any]:
    return {
        "auth_enabled": True,
        "commonConfig": {"replication_factor": replicas},
        "schemaConfig": {
            "configs": [
                {
                    "from": SCHEMA_FROM,
                    "store": "tsdb",
                    "object_store": "s3",
                    "schema": "v13",
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
        "storage": {
            "type": "s3",
            "bucketNames": {"chunks": args.bucket, "ruler": args.bucket},
            "s3": {"region": args.region},
        },
        "limits_config": {"retention_period": f"{args.retention_days * 24}h"},
        # Nothing is deleted where nobody is told to.
        "compactor": {"retention_enabled": True, "delete_request_store": "s3"},
        "analytics": {"reporting_enabled": False},
    }
