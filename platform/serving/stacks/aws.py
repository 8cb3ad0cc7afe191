"""The AWS stack, top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.cluster import Cluster, ClusterArgs
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.irsa import ServiceAccountRole, ServiceAccountRoleArgs
from components.model_bucket import ModelBucket, ModelBucketArgs
from components.tenant import Tenant, TenantArgs
from components.vpc import Vpc, VpcArgs
from components.vpc_endpoints import VpcEndpoints, VpcEndpointsArgs
from serving.catalog import Catalog, check_releases
from serving.contract.fields import show_cpu, show_memory
from serving.contract.model import S3Repository
from serving.settings import AwsSettings
from serving.stacks.outputs import Outputs

GATEWAY_NAMESPACE: Final = "istio-ingress"
MONITORING_NAMESPACE: Final = "monitoring"


def build(settings: AwsSettings, catalog: Catalog) -> Outputs:
    check_releases(settings.releases, catalog)
    name = f"{pulumi.get_project()}-{pulumi.get_stack()}"
    account = aws.Provider("aws", region=settings.region, default_tags={"tags": tags(settings)})

    vpc = _vpc(settings, account)
    endpoints = _endpoints(settings, vpc, account)
    cluster = _cluster(name, settings, vpc, account)
    bucket = _bucket(name, settings, account)

    kubernetes = k8s.Provider(
        "kubernetes",
        kubeconfig=cluster.kubeconfig,
        opts=pulumi.ResourceOptions(depends_on=[cluster]),
    )
    _tenants(settings, catalog, endpoints, kubernetes)
    _readers(catalog, cluster, bucket, account)

    return Outputs(
        region=settings.region,
        cluster_name=cluster.name,
        model_bucket=bucket.bucket,
        releases={
            model: release.model_dump(exclude_none=True)
            for model, release in settings.releases.items()
        },
    )


def tags(settings: AwsSettings) -> Mapping[str, str]:
    """On everything that AWS bills."""
    return {
        "Project": pulumi.get_project(),
        "Env": settings.environment,
        "Owner": settings.owner,
        "CostCenter": settings.cost_center,
    }


def _vpc(settings: AwsSettings, account: aws.Provider) -> Vpc:
    opts = pulumi.ResourceOptions(providers=[account])
    network = settings.network
    args = VpcArgs(cidr=str(network.cidr), zones=settings.zones, nat=network.nat)
    vpc = Vpc("vpc", args, opts)
    logs = FlowLogsArgs(vpc_id=vpc.id, retention_days=settings.logs.retention_days)
    FlowLogs("flow-logs", logs, opts)
    return vpc


def _endpoints(settings: AwsSettings, vpc: Vpc, account: aws.Provider) -> VpcEndpoints:
    return VpcEndpoints(
        "endpoints",
        VpcEndpointsArgs(
            region=settings.region,
            vpc_id=vpc.id,
            vpc_cidr=str(settings.network.cidr),
            route_tables=vpc.private_route_tables,
            subnets=vpc.intra_subnets,
            subnet_cidrs=vpc.intra_cidrs,
            services=settings.network.endpoints,
        ),
        pulumi.ResourceOptions(providers=[account]),
    )


def _cluster(name: str, settings: AwsSettings, vpc: Vpc, account: aws.Provider) -> Cluster:
    return Cluster(
        "cluster",
        ClusterArgs(
            cluster_name=name,
            version=settings.cluster.version,
            vpc_id=vpc.id,
            subnets=vpc.private_subnets,
            administrators={
                key: aws.iam.get_role_output(role, opts=pulumi.InvokeOptions(provider=account)).arn
                for key, role in settings.cluster.administrators.items()
            },
            public_access_cidrs=[str(cidr) for cidr in settings.cluster.public_access_cidrs],
            log_retention_days=settings.logs.retention_days,
            retain=settings.retain,
        ),
        pulumi.ResourceOptions(providers=[account]),
    )


def _bucket(name: str, settings: AwsSettings, account: aws.Provider) -> ModelBucket:
    caller = aws.get_caller_identity_output(opts=pulumi.InvokeOptions(provider=account))
    return ModelBucket(
        "models",
        ModelBucketArgs(
            # Bucket names are shared by all of AWS.
            bucket_name=pulumi.Output.concat(name, "-models-", caller.account_id),
            lock_days=settings.store.lock_days,
            retain=settings.retain,
        ),
        pulumi.ResourceOptions(providers=[account]),
    )


def _tenants(
    settings: AwsSettings, catalog: Catalog, endpoints: VpcEndpoints, kubernetes: k8s.Provider
) -> None:
    for tenant in catalog.tenants.values():
        Tenant(
            tenant.name,
            TenantArgs(
                namespace=tenant.namespace,
                team=tenant.team,
                group=tenant.group,
                accelerators=tenant.quota.accelerators,
                cpu=show_cpu(tenant.quota.cpu),
                memory=show_memory(tenant.quota.memory),
                kubernetes_version=settings.cluster.version,
                gateway_namespace=GATEWAY_NAMESPACE,
                monitoring_namespace=MONITORING_NAMESPACE,
                egress_cidrs=endpoints.cidrs,
            ),
            pulumi.ResourceOptions(providers=[kubernetes]),
        )


def _readers(
    catalog: Catalog, cluster: Cluster, bucket: ModelBucket, account: aws.Provider
) -> None:
    """Who may read which model, of those whose server reads the bucket itself."""
    for model in catalog.models.values():
        if not isinstance(model.repository, S3Repository):
            continue
        policy = aws.iam.Policy(
            f"{model.name}-read",
            policy=bucket.read_policy(prefix=model.name),
            opts=pulumi.ResourceOptions(provider=account),
        )
        ServiceAccountRole(
            model.name,
            ServiceAccountRoleArgs(
                oidc_provider_arn=cluster.oidc_provider_arn,
                namespace=catalog.tenants[model.tenant].namespace,
                service_account=model.name,
                policies={"read": policy.arn},
            ),
            pulumi.ResourceOptions(providers=[account]),
        )
