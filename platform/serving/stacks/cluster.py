"""Of the AWS stack, what runs in the cluster for all: the mesh, metrics, logs, GPUs, scaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import pulumi

from components import loki, tempo
from components.argo_cd import Application, ArgoCd, ArgoCdArgs
from components.balancer import Balancer
from components.block_storage import BlockStorage, BlockStorageArgs
from components.cert_manager import CertManager, CertManagerArgs
from components.cluster_autoscaler import ClusterAutoscaler, ClusterAutoscalerArgs
from components.external_secrets import ExternalSecrets, ExternalSecretsArgs
from components.gateway import Gateway
from components.gpu_operator import GpuOperator, GpuOperatorArgs
from components.irsa import ServiceAccountRole
from components.keda import Keda, KedaArgs
from components.load_balancer_controller import LoadBalancerController, LoadBalancerControllerArgs
from components.monitoring import Monitoring
from components.node_health import NodeHealth, NodeHealthArgs
from components.private_service import PrivateService
from serving.catalog import Catalog
from serving.contract.placement import GPU_TAINT
from serving.errors import InputError
from serving.observability import gpus as gpu_rules
from serving.stacks import gpus, karpenter, telemetry, ways_in
from serving.stacks.charts import warn_of_movable
from serving.stacks.ground import MONITORING_NAMESPACE, Ground


@dataclass(frozen=True, kw_only=True)
class Layer:
    gateway: Gateway | Balancer
    """The first where there is a mesh, the second where there is none."""
    private_service: PrivateService | None
    tracing_namespace: str | None
    """Where tenants' servers send spans, if that is in the cluster."""
    collector_port: int | None
    """Where they send them, if it is not."""
    roles: Mapping[str, ServiceAccountRole]
    """Of those whose work the layer itself brings along, by their names."""
    carries: Sequence[pulumi.Resource]
    """What models are reached, measured and scaled by."""


def build(ground: Ground, catalog: Catalog) -> Layer:
    """Each stands on what brings the kinds of its objects and what answers when they are made, and
    goes before it."""
    settings = ground.place.settings
    warn_of_movable(settings)
    storage = BlockStorage(
        "storage",
        BlockStorageArgs(key_arn=ground.key_arns["volumes"], retain=settings.retain),
        ground.after(),
    )
    secrets = _secrets(ground)
    alerting = telemetry.alerting(ground)
    monitoring = telemetry.metrics(ground, alerting, storage, secrets)
    telemetry.dashboards(ground, monitoring)
    logs = telemetry.kept(ground, "logs", loki.NAMESPACE, loki.SERVICE_ACCOUNT)
    telemetry.log_lines(ground, logs, storage, monitoring)
    roles = {"alertmanager": alerting, "logs": logs.role}
    if settings.traces is not None and telemetry.in_tempo(ground):
        traces = telemetry.kept(ground, "traces", tempo.NAMESPACE, tempo.SERVICE_ACCOUNT)
        telemetry.spans(ground, traces, settings.traces.retention_days, storage, monitoring)
        roles["traces"] = traces.role
    certificates = CertManager(
        "certificates", CertManagerArgs(surroundings=ground.around), ground.after(monitoring)
    )
    balancers = _load_balancers(ground, monitoring, certificates)
    way_in = ways_in.build(
        ground,
        catalog,
        ways_in.Beneath(monitoring=monitoring, certificates=certificates, balancers=balancers),
    )
    devices = _gpus(ground, monitoring)
    _node_health(ground, monitoring)
    roles |= _node_scaling(ground, monitoring, devices)
    _delivery(ground, catalog, monitoring)
    return Layer(
        gateway=way_in.gateway,
        private_service=way_in.private_service,
        tracing_namespace=tempo.NAMESPACE if telemetry.in_tempo(ground) else None,
        collector_port=telemetry.collector_port(ground),
        roles=roles,
        carries=[way_in.gateway, monitoring, _pod_scaling(ground, monitoring)],
    )


def _secrets(ground: Ground) -> ExternalSecrets | None:
    settings = ground.place.settings
    if not settings.secrets:
        return None
    return ExternalSecrets(
        "secrets",
        ExternalSecretsArgs(
            surroundings=ground.around,
            account_annotations=ground.controllers["external-secrets"].annotations,
            region=settings.region,
            namespaces=[MONITORING_NAMESPACE],
        ),
        ground.after(),
    )


def _load_balancers(
    ground: Ground, monitoring: Monitoring, certificates: CertManager
) -> LoadBalancerController:
    place = ground.place
    return LoadBalancerController(
        "load-balancers",
        LoadBalancerControllerArgs(
            surroundings=ground.around,
            account_annotations=ground.controllers["load-balancer-controller"].annotations,
            cluster_name=ground.cluster.name,
            region=place.settings.region,
            vpc_id=ground.vpc.id,
            tags=place.tags,
        ),
        ground.after(monitoring, certificates),
    )


def _gpus(ground: Ground, monitoring: Monitoring) -> GpuOperator:
    pools = list(ground.place.settings.pools.values())
    counters = (files("serving") / "data" / "dcgm_counters.csv").read_text(encoding="utf-8")
    return GpuOperator(
        "gpus",
        GpuOperatorArgs(
            surroundings=ground.around,
            device_plugin=gpus.needs_device_plugin(pools),
            mig=gpus.has_mig(pools),
            time_slicing=gpus.time_slicing(pools),
            counters=counters,
            taints=[GPU_TAINT, gpu_rules.QUARANTINE],
        ),
        ground.after(monitoring),
    )


def _node_health(ground: Ground, monitoring: Monitoring) -> None:
    script = (files("serving") / "health" / "quarantine.py").read_text(encoding="utf-8")
    NodeHealth(
        "node-health",
        NodeHealthArgs(surroundings=ground.around, script=script, rule=gpu_rules.BROKEN),
        ground.after(monitoring),
    )


def _pod_scaling(ground: Ground, monitoring: Monitoring) -> Keda:
    # Queues have no role here yet: who reads one comes with it.
    return Keda(
        "pod-scaling",
        KedaArgs(
            surroundings=ground.around, cluster_name=ground.place.name, account_annotations={}
        ),
        ground.after(monitoring),
    )


def _node_scaling(
    ground: Ground, monitoring: Monitoring, devices: GpuOperator
) -> Mapping[str, ServiceAccountRole]:
    place = ground.place
    if place.settings.cluster.autoscaler == "karpenter":
        # A node whose GPUs nobody offers would never be done.
        return {"karpenter": karpenter.node_scaling(ground, [monitoring, devices])}
    ClusterAutoscaler(
        "node-scaling",
        ClusterAutoscalerArgs(
            surroundings=ground.around,
            account_annotations=ground.controllers["cluster-autoscaler"].annotations,
            cluster_name=ground.cluster.name,
            region=place.settings.region,
        ),
        ground.after(monitoring),
    )
    return {}


def _delivery(ground: Ground, catalog: Catalog, monitoring: Monitoring) -> None:
    wanted = ground.place.settings.gitops
    if wanted is None:
        return
    strangers = sorted(wanted.folders.keys() - catalog.tenants.keys())
    if strangers:
        raise InputError(
            f"serving:gitops.folders: {strangers[0]} is not a tenant, expected one of "
            f"{', '.join(sorted(catalog.tenants))}"
        )
    ArgoCd(
        "delivery",
        ArgoCdArgs(
            surroundings=ground.around,
            repository=wanted.repository,
            revision=wanted.revision,
            applications={
                tenant: Application(path=folder, namespace=catalog.tenants[tenant].namespace)
                for tenant, folder in wanted.folders.items()
            },
        ),
        ground.after(monitoring),
    )
