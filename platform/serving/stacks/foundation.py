"""Of the AWS stack, what holds data, and what watches over it and over its cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.access_logs import AccessLogs, AccessLogsArgs
from components.alarm_topic import AlarmTopic, AlarmTopicArgs
from components.alarms import Alarms, AlarmsArgs, MetricAlarm
from components.audit_trail import AuditTrail, AuditTrailArgs
from components.bucket import Lock
from components.budget import Budget, BudgetArgs
from components.cluster import Cluster
from components.image_registry import ImageRegistry, ImageRegistryArgs, PullThrough
from components.keys import Keys, KeysArgs
from components.model_bucket import ModelBucket, ModelBucketArgs
from components.model_store import ModelStore, ModelStoreArgs
from components.secrets import Secrets, SecretsArgs
from components.vpc import Vpc
from serving.catalog import Catalog
from serving.settings import AwsSettings


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a stack is built, and what its things are called."""

    name: str
    settings: AwsSettings
    account_id: pulumi.Output[str]
    tags: Mapping[str, str]
    opts: pulumi.ResourceOptions

    def bucket_name(self, what: str) -> pulumi.Output[str]:
        """All of AWS shares the names of buckets."""
        return pulumi.Output.concat(self.name, "-", what, "-", self.account_id)


def keys(place: Place) -> Keys:
    settings = place.settings
    args = KeysArgs(account_id=place.account_id, region=settings.region, retain=settings.retain)
    return Keys("keys", args, place.opts)


def access_logs(place: Place) -> AccessLogs:
    return AccessLogs(
        "access-logs",
        AccessLogsArgs(
            bucket_name=place.bucket_name("access-logs"),
            account_id=place.account_id,
            retention_days=place.settings.logs.retention_days,
            retain=place.settings.retain,
        ),
        place.opts,
    )


def model_bucket(place: Place, keys: Keys, logs: AccessLogs) -> ModelBucket:
    days = place.settings.store.lock_days
    return ModelBucket(
        "models",
        ModelBucketArgs(
            bucket_name=place.bucket_name("models"),
            key_arn=keys.arns["models"],
            access_log_bucket=logs.bucket,
            lock=None if days is None else Lock(days=days),
            retain=place.settings.retain,
        ),
        place.opts,
    )


def model_store(
    place: Place, keys: Keys, vpc: Vpc, cluster: Cluster, catalog: Catalog
) -> ModelStore:
    return ModelStore(
        "store",
        ModelStoreArgs(
            vpc_id=vpc.id,
            subnets=vpc.private_subnets,
            node_security_group_id=cluster.security_group_id,
            key_arn=keys.arns["models"],
            tenants=list(catalog.tenants),
            retain=place.settings.retain,
        ),
        place.opts,
    )


def images(place: Place, keys: Keys, puller: pulumi.Input[str]) -> ImageRegistry:
    """`puller` is the name of the nodes' role."""
    upstreams = place.settings.images.pull_through
    through = PullThrough(
        upstreams=upstreams,
        puller=puller,
        account_id=place.account_id,
        region=place.settings.region,
    )
    return ImageRegistry(
        "images",
        ImageRegistryArgs(
            prefix=place.name,
            repositories=place.settings.images.repositories,
            pull_through=through if upstreams else None,
            key_arn=keys.arns["images"],
            retain=place.settings.retain,
        ),
        place.opts,
    )


def secrets(place: Place, keys: Keys) -> Secrets:
    return Secrets(
        "secrets",
        SecretsArgs(
            prefix=place.name,
            secrets=place.settings.secrets,
            key_arn=keys.arns["secrets"],
            retain=place.settings.retain,
        ),
        place.opts,
    )


def audit_trail(place: Place, keys: Keys, logs: AccessLogs, models: ModelBucket) -> AuditTrail:
    return AuditTrail(
        "audit",
        AuditTrailArgs(
            trail_name=place.name,
            bucket_name=place.bucket_name("audit"),
            account_id=place.account_id,
            region=place.settings.region,
            key_arn=keys.arns["logs"],
            access_log_bucket=logs.bucket,
            model_bucket_arn=models.arn,
            retention_days=place.settings.audit.retention_days,
            retain=place.settings.retain,
        ),
        place.opts,
    )


def budgets(place: Place, catalog: Catalog) -> None:
    """One for the environment, one for what is tagged as a tenant's own."""
    ours = {key: place.tags[key] for key in ("Project", "Env")}
    settings = place.settings
    Budget(
        "budget",
        BudgetArgs(
            budget_name=place.name,
            monthly_usd=settings.budget.monthly_usd,
            tags=ours,
            emails=settings.contacts,
        ),
        place.opts,
    )
    for tenant in catalog.tenants.values():
        Budget(
            tenant.name,
            BudgetArgs(
                budget_name=f"{place.name}-{tenant.name}",
                monthly_usd=tenant.monthly_budget_usd,
                tags={**ours, "Tenant": tenant.name},
                emails=tenant.contacts,
            ),
            place.opts,
        )


def alarm_topic(place: Place) -> AlarmTopic:
    args = AlarmTopicArgs(account_id=place.account_id, emails=place.settings.contacts)
    return AlarmTopic("alarms", args, place.opts)


def alarms(place: Place, topic: AlarmTopic, store: ModelStore) -> None:
    args = AlarmsArgs(topic_arn=topic.arn, alarms={"store": busy(store.file_system_id)})
    Alarms("alarms", args, place.opts)


def busy(file_system_id: pulumi.Input[str]) -> MetricAlarm:
    return MetricAlarm(
        description=(
            "The model store is near the most requests that a file system answers, so servers "
            "start slowly: let fewer start at once."
        ),
        namespace="AWS/EFS",
        metric="PercentIOLimit",
        dimensions={"FileSystemId": file_system_id},
        threshold=90,
        minutes=15,
    )
