"""Of the cluster's layer, what is measured, logged and traced, and where that is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from components import alertmanager_values, external_secrets, log_agent, loki, tempo
from components.addon import CustomObject
from components.alertmanager_values import Notifications
from components.block_storage import BlockStorage
from components.bucket import Bucket, BucketArgs
from components.dashboards import Dashboards, DashboardsArgs
from components.external_secrets import ExternalSecrets
from components.grafana_values import Source
from components.irsa import ServiceAccountRole
from components.keda import NAMESPACE as KEDA_NAMESPACE
from components.load_balancer_controller import READINESS
from components.log_agent import LogAgent, LogAgentArgs
from components.loki import Loki, LokiArgs
from components.mesh_policies import INJECTION, Tracing
from components.monitoring import Monitoring, MonitoringArgs, Password
from components.monitoring_values import Storage
from components.node_health import NAMESPACE as NODE_HEALTH_NAMESPACE
from components.tempo import Tempo, TempoArgs
from serving.contract.placement import GPU_TAINT
from serving.identity import alerts, logs
from serving.identity.document import written
from serving.observability import costs, gpus
from serving.observability.dashboards import LAYERS
from serving.observability.redaction import REDACTIONS
from serving.pools.node import WORKLOAD
from serving.stacks.ground import MONITORING_NAMESPACE, Ground

METRICS: Final = Storage(gib=50, retention_days=15)

OF_THE_MESH: Final = frozenset({"gateway", "mesh"})
"""Dashboards of what its proxies count."""

GRAFANA_SECRET: Final = "grafana"  # noqa: S105  a name
"""Among the settings' secrets: the password of Grafana's administrator."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A bucket, and the role of the one service account that may use it."""

    bucket: Bucket
    role: ServiceAccountRole


def alerting(ground: Ground) -> ServiceAccountRole:
    publish = pulumi.Output.from_input(ground.topic_arn).apply(
        lambda arn: written(alerts.alertmanager(arn))
    )
    account = alertmanager_values.SERVICE_ACCOUNT
    return ground.identity.role("alertmanager", MONITORING_NAMESPACE, account, publish)


def metrics(
    ground: Ground,
    role: ServiceAccountRole,
    storage: BlockStorage,
    secrets: ExternalSecrets | None,
) -> Monitoring:
    place = ground.place
    password = None
    if secrets is not None and GRAFANA_SECRET in place.settings.secrets:
        password = Password(store=secrets.store, key=f"{place.name}/{GRAFANA_SECRET}")
    return Monitoring(
        "monitoring",
        MonitoringArgs(
            surroundings=ground.around,
            cluster_name=place.name,
            storage=METRICS,
            readers=[KEDA_NAMESPACE, NODE_HEALTH_NAMESPACE],
            sources=_sources(ground),
            notifications=Notifications(
                topic_arn=ground.topic_arn,
                region=place.settings.region,
                account_annotations=role.annotations,
            ),
            password=password,
            objects=_objects(ground, secrets),
        ),
        ground.after(storage, secrets),
    )


def dashboards(ground: Ground, monitoring: Monitoring) -> None:
    hidden = frozenset() if ground.place.settings.mesh.enabled else OF_THE_MESH
    Dashboards(
        "layers",
        DashboardsArgs(
            namespace=monitoring.namespace,
            documents={
                layer: json.dumps(each.document(), indent=1)
                for layer, each in LAYERS.items()
                if layer not in hidden
            },
        ),
        ground.after(monitoring),
    )


def _objects(ground: Ground, secrets: ExternalSecrets | None) -> Mapping[str, CustomObject]:
    rules = {"gpus": gpus.rules(), "costs": costs.rules(ground.place.settings.pools.values())}
    found = {
        name: CustomObject(
            api_version="monitoring.coreos.com/v1",
            kind="PrometheusRule",
            spec={"groups": [{"name": f"serving-{name}", "rules": each}]},
        )
        for name, each in rules.items()
    }
    if secrets is not None:
        found["external-secrets"] = external_secrets.MONITOR
    return found


def _sources(ground: Ground) -> Mapping[str, Source]:
    found = {
        "loki": Source(
            type="loki",
            url=loki.URL,
            namespace=loki.NAMESPACE,
            port=loki.PORT,
            headers={"X-Scope-OrgID": loki.TENANT},
        )
    }
    if in_tempo(ground):
        found["tempo"] = Source(
            type="tempo", url=tempo.URL, namespace=tempo.NAMESPACE, port=tempo.PORT
        )
    return found


def log_lines(ground: Ground, kept: Kept, storage: BlockStorage, monitoring: Monitoring) -> None:
    settings = ground.place.settings
    lines = Loki(
        "logs",
        LokiArgs(
            surroundings=ground.around,
            account_annotations=kept.role.annotations,
            bucket=kept.bucket.bucket,
            region=settings.region,
            retention_days=settings.logs.retention_days,
            writers=log_agent.NAMESPACE,
        ),
        ground.after(storage, monitoring),
    )
    LogAgent(
        "log-agent",
        LogAgentArgs(
            surroundings=ground.around,
            url=loki.URL,
            namespace=loki.NAMESPACE,
            port=loki.PORT,
            tenant=loki.TENANT,
            redactions=REDACTIONS,
            taints=[GPU_TAINT, WORKLOAD, gpus.QUARANTINE],
        ),
        ground.after(monitoring, lines),
    )


def in_tempo(ground: Ground) -> bool:
    wanted = ground.place.settings.traces
    return wanted is not None and wanted.collector is None


def tracing(ground: Ground) -> Tracing | None:
    """What the mesh is told of where spans go."""
    wanted = ground.place.settings.traces
    if wanted is None:
        return None
    if wanted.collector is None:
        return Tracing(service=tempo.HOST, port=tempo.OTLP_GRPC_PORT, percentage=wanted.percentage)
    host, _, port = wanted.collector.rpartition(":")
    return Tracing(service=host, port=int(port), percentage=wanted.percentage, outside=True)


def collector_port(ground: Ground) -> int | None:
    """Of a collector that is none of the cluster's."""
    told = tracing(ground)
    return told.port if told is not None and told.outside else None


def spans(
    ground: Ground, kept: Kept, days: int, storage: BlockStorage, monitoring: Monitoring
) -> Tempo:
    return Tempo(
        "traces",
        TempoArgs(
            surroundings=ground.around,
            account_annotations=kept.role.annotations,
            bucket=kept.bucket.bucket,
            region=ground.place.settings.region,
            retention_days=days,
            # Labels of the namespaces of tenants.
            senders=INJECTION if ground.place.settings.mesh.enabled else READINESS,
        ),
        ground.after(storage, monitoring),
    )


def kept(ground: Ground, what: str, namespace: str, account: str) -> Kept:
    place = ground.place
    key_arn = ground.key_arns["logs"]
    bucket = Bucket(
        what,
        BucketArgs(
            bucket_name=place.bucket_name(what),
            key_arn=key_arn,
            access_log_bucket=ground.access_log_bucket,
            retain=place.settings.retain,
        ),
        place.opts,
    )
    document = ground.identity.over(bucket.arn, key_arn, logs.kept)
    return Kept(bucket=bucket, role=ground.identity.role(what, namespace, account, document))
