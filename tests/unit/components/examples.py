"""The smallest valid arguments of every component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.access_logs import AccessLogs, AccessLogsArgs
from components.addon import Addon, AddonArgs, Installation
from components.alarm_topic import AlarmTopic, AlarmTopicArgs
from components.alarms import Alarms, AlarmsArgs, MetricAlarm
from components.alertmanager_values import Notifications
from components.argo_cd import Application, ArgoCd, ArgoCdArgs
from components.audit_trail import AuditTrail, AuditTrailArgs
from components.balancer import Balancer, BalancerArgs
from components.balancer_route import BalancerRoute, BalancerRouteArgs, Forward
from components.balancer_route import Tokens as BalancerTokens
from components.block_storage import BlockStorage, BlockStorageArgs
from components.bucket import Bucket, BucketArgs
from components.budget import Budget, BudgetArgs
from components.cert_manager import CertManager, CertManagerArgs
from components.charts import KEDA
from components.cluster import Cluster, ClusterArgs
from components.cluster_addons import ClusterAddon, ClusterAddons, ClusterAddonsArgs
from components.cluster_autoscaler import ClusterAutoscaler, ClusterAutoscalerArgs
from components.dashboards import Dashboards, DashboardsArgs
from components.external_secrets import ExternalSecrets, ExternalSecretsArgs
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.gateway import Gateway, GatewayArgs
from components.github_oidc import GitHubOidc, GitHubOidcArgs, GitHubRole, Repository
from components.gpu_operator import GpuOperator, GpuOperatorArgs
from components.image_registry import ImageRegistry, ImageRegistryArgs, PullThrough
from components.interruption_queue import InterruptionQueue, InterruptionQueueArgs
from components.irsa import Irsa, ServiceAccountRole, ServiceAccountRoleArgs
from components.karpenter import Karpenter, KarpenterArgs
from components.karpenter_pool import KarpenterPool, NodeTemplate
from components.keda import Keda, KedaArgs
from components.keys import Keys, KeysArgs
from components.load_balancer_controller import LoadBalancerController, LoadBalancerControllerArgs
from components.local.document import DocumentArgs
from components.local.envoy import LocalEnvoy, LocalEnvoyArgs
from components.local.gateway_documents import GatewayDocumentsArgs
from components.local.process import Probe, ProcessArgs
from components.local.prometheus import LocalPrometheus, LocalPrometheusArgs
from components.local.triton import LocalTriton, LocalTritonArgs
from components.log_agent import LogAgent, LogAgentArgs
from components.loki import Loki, LokiArgs
from components.mesh import Mesh, MeshArgs
from components.model_bucket import ModelBucket, ModelBucketArgs
from components.model_cache import (
    ModelCache,
    ModelCacheArgs,
    ServedVersions,
    ServedVersionsArgs,
)
from components.model_delivery import ModelDelivery, ModelDeliveryArgs
from components.model_route import ModelRoute, ModelRouteArgs
from components.model_route_args import Offer
from components.model_server import ModelServer
from components.model_server_args import ModelServerArgs, Probes, Scaling
from components.model_store import ModelStore, ModelStoreArgs
from components.model_volume import ModelVolume, ModelVolumeArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.monitoring_values import Storage
from components.node_group import NodeGroup, NodeGroupArgs
from components.node_health import NodeHealth, NodeHealthArgs
from components.node_image import Image
from components.node_role import NodeRole, NodeRoleArgs
from components.private_service import PrivateService, PrivateServiceArgs
from components.rules import Rules, RulesArgs
from components.secrets import Secrets, SecretsArgs
from components.service_account import ServiceAccount, ServiceAccountArgs
from components.surroundings import Surroundings
from components.tempo import Tempo, TempoArgs
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


def key(purpose: str) -> str:
    return f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{purpose}"


SURROUNDINGS: Final = Surroundings(
    kubernetes_version="1.35",
    node_labels={"workload": "system"},
    vpc_cidr="10.20.0.0/16",
    service_cidr="172.20.0.0/16",
    monitoring_namespace="monitoring",
    replicas=2,
)
ROLE: Final = {"eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT}:role/controller"}

EXAMPLES: Final[Mapping[type[Any], object]] = {
    AccessLogs: AccessLogsArgs(
        bucket_name="access-logs-of-tests", account_id=ACCOUNT, retention_days=30
    ),
    AlarmTopic: AlarmTopicArgs(account_id=ACCOUNT, emails=("platform@example.com",)),
    Alarms: AlarmsArgs(
        topic_arn=f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms",
        alarms={
            "store-busy": MetricAlarm(
                description="The model store is near its limit.",
                namespace="AWS/EFS",
                metric="PercentIOLimit",
                dimensions={"FileSystemId": "fs-1"},
                threshold=90,
                minutes=15,
            )
        },
    ),
    AuditTrail: AuditTrailArgs(
        trail_name="serving-test",
        bucket_name="audit-of-tests",
        account_id=ACCOUNT,
        region="us-east-1",
        key_arn=key("logs"),
        access_log_bucket="access-logs-of-tests",
        model_bucket_arn="arn:aws:s3:::models-of-tests",
        retention_days=30,
    ),
    Bucket: BucketArgs(
        bucket_name="bucket-of-tests",
        key_arn=key("models"),
        access_log_bucket="access-logs-of-tests",
    ),
    Budget: BudgetArgs(
        budget_name="serving-test",
        monthly_usd=1000,
        tags={"Env": "test"},
        emails=("platform@example.com",),
    ),
    Cluster: ClusterArgs(
        cluster_name="serving-test",
        version="1.35",
        vpc_id="vpc-1",
        subnets={zone: f"subnet-{zone}" for zone in ZONES},
        administrators={"deploy": f"arn:aws:iam::{ACCOUNT}:role/deploy"},
        secrets_key_arn=key("cluster"),
        log_key_arn=key("logs"),
        log_retention_days=30,
    ),
    ClusterAddons: ClusterAddonsArgs(
        cluster_name="serving-test",
        addons={
            "vpc-cni": ClusterAddon(
                version="v1.21.1-eksbuild.8",
                configuration={"enableNetworkPolicy": "true"},
                role_arn=f"arn:aws:iam::{ACCOUNT}:role/vpc-cni",
            ),
            "kube-proxy": ClusterAddon(version="v1.35.3-eksbuild.5"),
        },
    ),
    FlowLogs: FlowLogsArgs(vpc_id="vpc-1", key_arn=key("logs"), retention_days=30),
    GitHubOidc: GitHubOidcArgs(
        repository=Repository(owner="octo-org", owner_id=123456, name="octo-repo", id=456789),
        roles={
            "deploy": GitHubRole(
                role_name="serving-test-deploy",
                job="environment:test",
                branch="main",
                policies={"stack": '{"Version": "2012-10-17", "Statement": []}'},
            )
        },
    ),
    ImageRegistry: ImageRegistryArgs(
        prefix="serving-test",
        repositories=("tritonserver",),
        pull_through=PullThrough(
            upstreams=("quay",), puller="nodes", account_id=ACCOUNT, region="us-east-1"
        ),
        key_arn=key("images"),
    ),
    Keys: KeysArgs(account_id=ACCOUNT, region="us-east-1"),
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
    ModelBucket: ModelBucketArgs(
        bucket_name="models-of-tests",
        key_arn=key("models"),
        access_log_bucket="access-logs-of-tests",
    ),
    ModelCache: ModelCacheArgs(
        surroundings=SURROUNDINGS,
        script="print()",
        wanted="{}",
        file_system_id="fs-1",
        namespaces={"vision": "tenant-vision"},
    ),
    ModelRoute: ModelRouteArgs(
        model="digits",
        namespace="tenant-vision",
        domain="inference.example.com",
        issuer="https://identity.example.com",
        tenant="vision",
        offers=[
            Offer(
                name="digits/infer",
                method="POST",
                path="/v2/models/digits/infer",
                protocol="http",
                kind="infer",
            )
        ],
        body_bytes=1 << 20,
        try_seconds=2,
        answer_seconds=5,
        versions=[1],
        stable=1,
    ),
    ModelServer: ModelServerArgs(
        workload="digits-3",
        namespace="tenant-vision",
        service_account="digits",
        selector={"app.kubernetes.io/name": "digits", "app.kubernetes.io/version": "3"},
        container="triton",
        image="registry.example/tritonserver:26.07-py3",
        ports={"http": 8000},
        probes=Probes(
            ready_paths=["/ready"],
            live_path="/live",
            startup_delay_seconds=0,
            startup_period_seconds=10,
            startup_failures=6,
        ),
        cpu="1",
        memory="1Gi",
        shared_memory="512Mi",
        storage="1Gi",
        node_labels={"workload": "cpu-compute"},
        drain_seconds=15,
        longest_request_seconds=5,
        scaling=Scaling(
            min_replicas=2,
            max_replicas=4,
            prometheus="http://prometheus.monitoring.svc:9090",
            scale_up_delay_seconds=0,
            scale_down_delay_seconds=300,
        ),
    ),
    ModelStore: ModelStoreArgs(
        vpc_id="vpc-1",
        subnets={zone: f"subnet-{zone}" for zone in ZONES},
        node_security_group_id="sg-nodes",
        key_arn=key("models"),
        tenants=("vision", "shop"),
    ),
    ModelVolume: ModelVolumeArgs(
        volume_name="tenant-vision-models",
        namespace="tenant-vision",
        file_system_id="fs-1",
        access_point_id="fsap-1",
    ),
    NodeGroup: NodeGroupArgs(
        cluster_name="serving-test",
        kubernetes_version="1.35",
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/nodes",
        subnets={zone: f"subnet-{zone}" for zone in ZONES},
        instance_types=("g6.xlarge", "g5.xlarge"),
        min_size=0,
        max_size=2,
        image=Image(family="al2023", nvidia=True, release="1.35.6-20260714", max_pods=110),
        volume_key_arn=key("volumes"),
    ),
    NodeRole: NodeRoleArgs(),
    PrivateService: PrivateServiceArgs(
        load_balancer_arn=f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:loadbalancer/net/a/1",
        principals=[f"arn:aws:iam::{ACCOUNT}:root"],
    ),
    Secrets: SecretsArgs(
        prefix="serving-test",
        secrets={"grafana": "Password of Grafana's administrator"},
        key_arn=key("secrets"),
    ),
    ServiceAccountRole: ServiceAccountRoleArgs(
        identity=Irsa(oidc_provider_arn=f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"),
        namespace="tenant-vision",
        service_account="digits",
        policies={"models": '{"Version": "2012-10-17", "Statement": []}'},
    ),
    Addon: AddonArgs(
        surroundings=SURROUNDINGS,
        namespace="things",
        security="restricted",
        passes={},
        releases={"thing": Installation(chart=KEDA, values={})},
    ),
    ArgoCd: ArgoCdArgs(
        surroundings=SURROUNDINGS,
        repository="https://git.example.com/platform",
        revision="main",
        applications={"vision": Application(path="gitops/vision", namespace="tenant-vision")},
    ),
    Balancer: BalancerArgs(
        surroundings=SURROUNDINGS,
        certificate_arn=f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/models",
    ),
    BalancerRoute: BalancerRouteArgs(
        namespace="tenant-vision",
        host="digits.inference.example.com",
        http={
            "infer": Forward(
                method="POST", paths=["/v2/models/digits/infer"], weights={"digits-1": 100}
            )
        },
        health_path="/v2/models/digits/ready",
        tokens=BalancerTokens(
            issuer="https://identity.example.com",
            keys_url="https://identity.example.com/keys",
            claims={"tenant": "vision"},
        ),
    ),
    BlockStorage: BlockStorageArgs(key_arn=key("volumes")),
    CertManager: CertManagerArgs(surroundings=SURROUNDINGS),
    ClusterAutoscaler: ClusterAutoscalerArgs(
        surroundings=SURROUNDINGS,
        account_annotations=ROLE,
        cluster_name="serving-test",
        region="us-east-1",
    ),
    ServedVersions: ServedVersionsArgs(namespace="model-cache", served="{}"),
    ModelDelivery: ModelDeliveryArgs(
        surroundings=SURROUNDINGS,
        account_annotations=ROLE,
        region="us-east-1",
        bucket="models",
        file_system_id="fs-1",
        access_point_id="fsap-publisher",
        versions={"vision/digits/1": "digits/1"},
    ),
    ServiceAccount: ServiceAccountArgs(namespace="tenant-vision", account="digits"),
    Rules: RulesArgs(namespace="tenant-vision", groups=[{"name": "serving-digits", "rules": []}]),
    Dashboards: DashboardsArgs(namespace="monitoring", documents={"gpu": "{}"}),
    ExternalSecrets: ExternalSecretsArgs(
        surroundings=SURROUNDINGS,
        account_annotations=ROLE,
        region="us-east-1",
        namespaces=["monitoring"],
    ),
    Gateway: GatewayArgs(
        surroundings=SURROUNDINGS,
        domain="inference.example.com",
        certificate_arn=f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/models",
    ),
    GpuOperator: GpuOperatorArgs(
        surroundings=SURROUNDINGS, counters="DCGM_FI_DEV_GPU_TEMP, gauge, C"
    ),
    InterruptionQueue: InterruptionQueueArgs(queue_name="serving-test"),
    Karpenter: KarpenterArgs(
        surroundings=SURROUNDINGS,
        account_annotations=ROLE,
        cluster_name="serving-test",
        interruption_queue="serving-test",
        nodes=NodeTemplate(
            role="serving-test-nodes",
            subnets={zone: f"subnet-{zone}" for zone in ZONES},
            security_group="sg-cluster",
            volume_key_arn=key("volumes"),
            tags={"Env": "test"},
        ),
        pools={
            "gpu": KarpenterPool(
                instance_types=["g6.xlarge"],
                capacity=["on-demand"],
                ami="al2023@v20260714",
                root_device="/dev/xvda",
                root_gib=100,
                max_pods=110,
                zones=["us-east-1a"],
                labels={"workload": "gpu"},
                taints=[{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
                limits={"nvidia.com/gpu": "4"},
            )
        },
    ),
    Keda: KedaArgs(
        surroundings=SURROUNDINGS, account_annotations=ROLE, cluster_name="serving-test"
    ),
    LoadBalancerController: LoadBalancerControllerArgs(
        surroundings=SURROUNDINGS,
        account_annotations=ROLE,
        cluster_name="serving-test",
        region="us-east-1",
        vpc_id="vpc-1",
        tags={"Env": "test"},
    ),
    LogAgent: LogAgentArgs(
        surroundings=SURROUNDINGS,
        url="http://loki.loki.svc:3100",
        namespace="loki",
        port=3100,
        tenant="platform",
        redactions={"address": r"([a-z]+@[a-z]+\.com)"},
        taints=["nvidia.com/gpu"],
    ),
    Loki: LokiArgs(
        surroundings=SURROUNDINGS,
        account_annotations=ROLE,
        bucket="logs-of-tests",
        region="us-east-1",
        retention_days=30,
        writers="alloy",
    ),
    Mesh: MeshArgs(
        surroundings=SURROUNDINGS, region="us-east-1", access_log={"status": "%RESPONSE_CODE%"}
    ),
    Monitoring: MonitoringArgs(
        surroundings=SURROUNDINGS,
        cluster_name="serving-test",
        storage=Storage(gib=50, retention_days=15),
        notifications=Notifications(
            topic_arn=f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms",
            region="us-east-1",
            account_annotations=ROLE,
        ),
    ),
    NodeHealth: NodeHealthArgs(
        surroundings=SURROUNDINGS, script="print()", rule="serving:gpu_broken:max"
    ),
    Tempo: TempoArgs(
        surroundings=SURROUNDINGS,
        account_annotations=ROLE,
        bucket="traces-of-tests",
        region="us-east-1",
        retention_days=7,
        senders={"istio-injection": "enabled"},
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
        mesh_namespace="istio-system",
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
