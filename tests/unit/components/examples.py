"""The smallest valid arguments of every component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.cluster import Cluster, ClusterArgs
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.irsa import ServiceAccountRole, ServiceAccountRoleArgs
from components.local.document import DocumentArgs
from components.local.envoy import LocalEnvoy, LocalEnvoyArgs
from components.local.gateway_documents import GatewayDocumentsArgs
from components.local.process import Probe, ProcessArgs
from components.local.prometheus import LocalPrometheus, LocalPrometheusArgs
from components.local.triton import LocalTriton, LocalTritonArgs
from components.model_bucket import ModelBucket, ModelBucketArgs
from components.tenant import Tenant, TenantArgs
from components.vpc import Vpc, VpcArgs
from components.vpc_endpoints import VpcEndpoints, VpcEndpointsArgs
from tests.cloud import ACCOUNT, ISSUER

ZONES: Final = ("us-east-1a", "us-east-1b")

PROCESS: Final = ProcessArgs(
    kind="sleep",
    command=["/bin/sleep", "60"],
    records="/state/processes",
    log="/state/logs/sleep.log",
    folder="/state",
    ready=[Probe(url="http://127.0.0.1:10000/ready")],
)

EXAMPLES: Final[Mapping[type[Any], object]] = {
    Cluster: ClusterArgs(
        cluster_name="serving-test",
        version="1.35",
        vpc_id="vpc-1",
        subnets={zone: f"subnet-{zone}" for zone in ZONES},
        administrators={"deploy": f"arn:aws:iam::{ACCOUNT}:role/deploy"},
        log_retention_days=30,
    ),
    FlowLogs: FlowLogsArgs(vpc_id="vpc-1", retention_days=30),
    LocalEnvoy: LocalEnvoyArgs(
        bootstrap=DocumentArgs(path="/state/envoy/bootstrap.json", content="{}"),
        documents=GatewayDocumentsArgs(
            folder="/state/envoy",
            admin="http://127.0.0.1:10001",
            log="/state/logs/gateway.log",
            listeners="{}",
            clusters="{}",
            routes="{}",
        ),
        process=PROCESS,
    ),
    LocalPrometheus: LocalPrometheusArgs(
        rules=DocumentArgs(path="/state/prometheus/rules.yaml", content="groups: []"),
        configuration=DocumentArgs(path="/state/prometheus/prometheus.json", content="{}"),
        process=PROCESS,
    ),
    LocalTriton: LocalTritonArgs(replicas={"1": PROCESS, "2": PROCESS}),
    ModelBucket: ModelBucketArgs(bucket_name="models-of-tests"),
    ServiceAccountRole: ServiceAccountRoleArgs(
        oidc_provider_arn=f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}",
        namespace="tenant-vision",
        service_account="digits",
        policies={"models": f"arn:aws:iam::{ACCOUNT}:policy/models"},
    ),
    Tenant: TenantArgs(
        namespace="tenant-vision",
        team="vision",
        group="tenant:vision",
        accelerators={"nvidia.com/gpu": 4},
        cpu="16",
        memory="64Gi",
        kubernetes_version="1.35",
        gateway_namespace="istio-ingress",
        monitoring_namespace="monitoring",
        egress_cidrs=["198.51.100.0/24"],
    ),
    Vpc: VpcArgs(cidr="10.20.0.0/16", zones=ZONES, nat="single"),
    VpcEndpoints: VpcEndpointsArgs(
        region="us-east-1",
        vpc_id="vpc-1",
        vpc_cidr="10.20.0.0/16",
        route_tables={zone: f"rtb-{zone}" for zone in ZONES},
        subnets={zone: f"subnet-{zone}" for zone in ZONES},
        subnet_cidrs={zone: f"10.20.{index}.0/24" for index, zone in enumerate(ZONES)},
        services=("sts",),
    ),
}
