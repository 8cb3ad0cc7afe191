"""Of the AWS stack, the versions that are served: carried from the bucket into the store, copied
from there to the nodes' own disks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files

import pulumi

from components import model_delivery
from components.model_bucket import ModelBucket
from components.model_cache import (
    ModelCache,
    ModelCacheArgs,
    ServedVersions,
    ServedVersionsArgs,
)
from components.model_delivery import ModelDelivery, ModelDeliveryArgs
from components.model_store import ModelStore
from serving.catalog import Catalog
from serving.contract.model import EfsRepository
from serving.settings import Release
from serving.stacks.ground import Ground


def build(
    ground: Ground,
    catalog: Catalog,
    bucket: ModelBucket,
    store: ModelStore,
    namespaces: Mapping[str, pulumi.Output[str]],
) -> ModelCache | None:
    """Before anything is released there is nothing to copy, and nothing that copies."""
    copied = wanted(ground.place.settings.releases, catalog)
    if not copied:
        return None
    delivery = _carried(ground, copied, bucket, store)
    tenants = {version.partition("/")[0] for version in copied}
    script = (files("serving") / "registry" / "prefetch.py").read_text(encoding="utf-8")
    return ModelCache(
        "model-cache",
        ModelCacheArgs(
            surroundings=ground.around,
            script=script,
            wanted=_told(copied),
            file_system_id=store.file_system_id,
            namespaces={tenant: namespaces[tenant] for tenant in sorted(tenants)},
        ),
        pulumi.ResourceOptions(
            providers=[ground.account, ground.kubernetes], depends_on=[*ground.ready, delivery]
        ),
    )


def keep(
    ground: Ground, catalog: Catalog, cache: ModelCache, routes: Sequence[pulumi.Resource]
) -> None:
    """Until these routes send elsewhere."""
    served = _told(wanted(ground.place.settings.releases, catalog))
    ServedVersions(
        "model-cache-kept",
        ServedVersionsArgs(namespace=cache.namespace, served=served),
        ground.after(*routes),
    )


def _told(versions: Mapping[str, str]) -> str:
    return json.dumps(versions, indent=1, sort_keys=True)


def _carried(
    ground: Ground, copied: Mapping[str, str], bucket: ModelBucket, store: ModelStore
) -> ModelDelivery:
    sources = {version: version.partition("/")[2] for version in copied}
    role = ground.identity.role(
        "model-delivery",
        model_delivery.NAMESPACE,
        model_delivery.SERVICE_ACCOUNT,
        bucket.read_policy(*{source.partition("/")[0] for source in sources.values()}),
    )
    return ModelDelivery(
        "model-delivery",
        ModelDeliveryArgs(
            surroundings=ground.around,
            account_annotations=role.annotations,
            region=ground.place.settings.region,
            bucket=bucket.bucket,
            file_system_id=store.file_system_id,
            access_point_id=store.publisher_access_point,
            versions=sources,
        ),
        ground.after(),
    )


def wanted(releases: Mapping[str, Release], catalog: Catalog) -> Mapping[str, str]:
    """`tenant/model/version` → digest, of what takes traffic or may have to again. Only the store
    is copied from; what a server reads from a bucket, it reads by itself."""
    found = {}
    for name, release in releases.items():
        model = catalog.models[name]
        if not isinstance(model.repository, EfsRepository):
            continue
        for version in (release.stable, release.canary, release.previous):
            digest = None if version is None else model.versions[version].digest
            if digest is not None:
                found[f"{model.tenant}/{name}/{version}"] = digest
    return found
