"""Of the AWS stack, copies of the versions that are served, on the nodes' own disks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files

import pulumi

from components.model_cache import ModelCache, ModelCacheArgs
from components.model_store import ModelStore
from serving.catalog import Catalog
from serving.contract.model import EfsRepository
from serving.settings import Release
from serving.stacks.ground import Ground


def build(
    ground: Ground,
    catalog: Catalog,
    store: ModelStore,
    namespaces: Mapping[str, pulumi.Output[str]],
) -> None:
    """Before anything is released there is nothing to copy, and nothing that copies."""
    copied = wanted(ground.place.settings.releases, catalog)
    if not copied:
        return
    tenants = {version.partition("/")[0] for version in copied}
    script = (files("serving") / "registry" / "prefetch.py").read_text(encoding="utf-8")
    ModelCache(
        "model-cache",
        ModelCacheArgs(
            surroundings=ground.around,
            script=script,
            wanted=json.dumps(copied, indent=1, sort_keys=True),
            file_system_id=store.file_system_id,
            namespaces={tenant: namespaces[tenant] for tenant in sorted(tenants)},
        ),
        pulumi.ResourceOptions(
            providers=[ground.account, ground.kubernetes], depends_on=list(ground.ready)
        ),
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
