"""The AWS stack, top to bottom."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components import gateway, mesh
from components.cluster import Cluster, ClusterArgs
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.github_oidc import GitHubOidc
from components.irsa import ServiceAccountRole
from components.keys import Keys
from components.model_bucket import ModelBucket
from components.model_store import ModelStore
from components.model_volume import ModelVolume, ModelVolumeArgs
from components.tenant import Tenant, TenantArgs
from components.vpc import Vpc, VpcArgs
from components.vpc_endpoints import VpcEndpoints, VpcEndpointsArgs
from serving.capacity.document import document
from serving.capacity.remarks import refuse_misfits
from serving.capacity.report import report
from serving.catalog import Catalog, check_releases
from serving.contract.fields import show_cpu, show_memory
from serving.contract.model import S3Repository
from serving.settings import AwsSettings
from serving.stacks import cluster as layers
from serving.stacks import foundation, model_cache, nodes, services, ways_in
from serving.stacks.cluster import Layer
from serving.stacks.foundation import Place
from serving.stacks.ground import MONITORING_NAMESPACE, Ground
from serving.stacks.identities import (
    Identities,
    identities,
    of_add_ons,
    of_controllers,
    of_promotions,
    scope_of,
)
from serving.stacks.outputs import Outputs
from serving.stacks.pipeline import bound, github_roles, let_in


def build(settings: AwsSettings, catalog: Catalog) -> Outputs:
    check_releases(settings.releases, catalog)
    capacity = report(settings, catalog)
    refuse_misfits(settings, capacity)
    services.refuse_unservable(settings, catalog)
    name = f"{pulumi.get_project()}-{pulumi.get_stack()}"
    account = aws.Provider("aws", region=settings.region, default_tags={"tags": tags(settings)})

    caller = aws.get_caller_identity_output(opts=pulumi.InvokeOptions(provider=account))
    place = Place(
        name=name,
        settings=settings,
        account_id=caller.account_id,
        tags=tags(settings),
        opts=pulumi.ResourceOptions(providers=[account]),
    )
    if settings.github:
        bound(place)

    keys = foundation.keys(place)
    vpc = _vpc(settings, keys, account)
    endpoints = _endpoints(settings, vpc, account)
    access_logs = foundation.access_logs(place)
    bucket = foundation.model_bucket(place, keys, access_logs)
    scope = scope_of(place, vpc)
    github = github_roles(place, settings.github, scope, bucket) if settings.github else None
    cluster = _cluster(name, settings, vpc, keys, github, account)
    if github:
        let_in(place, github, cluster)
    identity = identities(place, scope, cluster)

    store = foundation.model_store(place, keys, vpc, cluster, catalog)
    role = nodes.node_role(place)
    images = foundation.images(place, keys, role.name)
    secrets = foundation.secrets(place, keys)
    trail = foundation.audit_trail(place, keys, access_logs, bucket)
    foundation.budgets(place, catalog)
    topic = foundation.alarm_topic(place)
    foundation.alarms(place, topic, store)

    kubernetes = k8s.Provider(
        "kubernetes",
        kubeconfig=cluster.kubeconfig,
        opts=pulumi.ResourceOptions(depends_on=[cluster]),
    )
    add_ons = of_add_ons(identity, keys, store)
    machines = nodes.build(
        nodes.Sources(
            place=place,
            cluster=cluster,
            vpc=vpc,
            endpoints=endpoints,
            role=role,
            key_arns=keys.arns,
            add_on_roles=add_ons,
        )
    )
    controllers = of_controllers(identity, keys, secrets)
    ground = Ground(
        place=place,
        account=account,
        identity=identity,
        controllers=controllers,
        vpc=vpc,
        cluster=cluster,
        node_role=role,
        key_arns=keys.arns,
        access_log_bucket=access_logs.bucket,
        topic_arn=topic.arn,
        kubernetes=kubernetes,
        ready=machines.ready,
    )
    layer = layers.build(ground, catalog)
    namespaces = _tenants(settings, catalog, endpoints, store, layer, kubernetes)
    readers = _readers(catalog, bucket, identity)
    cache = model_cache.build(ground, catalog, bucket, store, namespaces)
    served = services.build(
        ground,
        catalog,
        services.Beneath(
            namespaces=namespaces,
            copies=cache.claims if cache else {},
            readers=readers,
            carries=layer.carries,
        ),
    )
    if cache:
        made = [each.made for each in served.values() if each.made is not None]
        model_cache.keep(ground, catalog, cache, made)
    roles = {
        **add_ons,
        **controllers,
        **layer.roles,
        **of_promotions(identity, bucket),
        **readers,
    }

    outputs = Outputs(
        region=settings.region,
        cluster_name=cluster.name,
        model_bucket=bucket.bucket,
        model_store=store.file_system_id,
        image_repositories=images.urls,
        audit_bucket=trail.bucket,
        gateway=layer.gateway.hostname,
        models={model: each.host for model, each in served.items()},
        capacity=document(capacity),
        pod_roles={pod: role.arn for pod, role in roles.items()},
        releases={
            model: release.model_dump(exclude_none=True)
            for model, release in settings.releases.items()
        },
    )
    if layer.private_service:
        outputs["private_service"] = layer.private_service.service_name
    if github:
        outputs["github_roles"] = github.role_arns
    return outputs


def tags(settings: AwsSettings) -> Mapping[str, str]:
    """On everything that AWS bills."""
    return {
        "Project": pulumi.get_project(),
        "Env": settings.environment,
        "Owner": settings.owner,
        "CostCenter": settings.cost_center,
    }


def _vpc(settings: AwsSettings, keys: Keys, account: aws.Provider) -> Vpc:
    opts = pulumi.ResourceOptions(providers=[account])
    network = settings.network
    args = VpcArgs(cidr=str(network.cidr), zones=settings.zones, nat=network.nat)
    vpc = Vpc("vpc", args, opts)
    logs = FlowLogsArgs(
        vpc_id=vpc.id, key_arn=keys.arns["logs"], retention_days=settings.logs.retention_days
    )
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


def _cluster(
    name: str,
    settings: AwsSettings,
    vpc: Vpc,
    keys: Keys,
    github: GitHubOidc | None,
    account: aws.Provider,
) -> Cluster:
    people = {
        key: aws.iam.get_role_output(role, opts=pulumi.InvokeOptions(provider=account)).arn
        for key, role in settings.cluster.administrators.items()
    }
    jobs = {"github": github.role_arns["deploy"]} if github else {}
    return Cluster(
        "cluster",
        ClusterArgs(
            cluster_name=name,
            version=settings.cluster.version,
            vpc_id=vpc.id,
            subnets=vpc.private_subnets,
            administrators={**people, **jobs},
            public_access_cidrs=[str(cidr) for cidr in settings.cluster.public_access_cidrs],
            private_access_cidrs=[str(cidr) for cidr in settings.cluster.private_access_cidrs],
            secrets_key_arn=keys.arns["cluster"],
            log_key_arn=keys.arns["logs"],
            log_retention_days=settings.logs.retention_days,
            retain=settings.retain,
        ),
        pulumi.ResourceOptions(providers=[account]),
    )


def _tenants(
    settings: AwsSettings,
    catalog: Catalog,
    endpoints: VpcEndpoints,
    store: ModelStore,
    layer: Layer,
    kubernetes: k8s.Provider,
) -> Mapping[str, pulumi.Output[str]]:
    """Their namespaces."""
    opts = pulumi.ResourceOptions(providers=[kubernetes])
    meshed = settings.mesh.enabled
    namespaces: dict[str, pulumi.Output[str]] = {}
    for tenant in catalog.tenants.values():
        built = Tenant(
            tenant.name,
            TenantArgs(
                namespace=tenant.namespace,
                team=tenant.team,
                group=tenant.group,
                accelerators=tenant.quota.accelerators,
                cpu=show_cpu(tenant.quota.cpu),
                memory=show_memory(tenant.quota.memory),
                kubernetes_version=settings.cluster.version,
                gateway_namespace=gateway.NAMESPACE if meshed else None,
                mesh_namespace=mesh.NAMESPACE if meshed else None,
                gateway_cidrs=() if meshed else ways_in.load_balancer_networks(settings),
                monitoring_namespace=MONITORING_NAMESPACE,
                tracing_namespace=layer.tracing_namespace,
                collector_port=layer.collector_port,
                egress_cidrs=endpoints.cidrs,
            ),
            opts,
        )
        ModelVolume(
            tenant.name,
            ModelVolumeArgs(
                volume_name=f"{tenant.namespace}-models",
                namespace=built.namespace,
                file_system_id=store.file_system_id,
                access_point_id=store.access_points[tenant.name],
            ),
            opts,
        )
        namespaces[tenant.name] = built.namespace
    return namespaces


def _readers(
    catalog: Catalog, bucket: ModelBucket, identity: Identities
) -> Mapping[str, ServiceAccountRole]:
    """Who may read which model, of those whose server reads the bucket itself."""
    return {
        model.name: identity.role(
            model.name,
            catalog.tenants[model.tenant].namespace,
            model.name,
            bucket.read_policy(model.name),
        )
        for model in catalog.models.values()
        if isinstance(model.repository, S3Repository)
    }
