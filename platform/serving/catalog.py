"""Models and tenants, read from their files and checked against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serving.contract.check import check
from serving.contract.document import Document, read
from serving.contract.model import Environment, ModelContract
from serving.contract.problem import DocumentError, Problem
from serving.contract.reading import typed
from serving.errors import InputError
from serving.settings import Release
from serving.tenancy import Tenant, excesses

PLATFORM: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    models: Mapping[str, ModelContract]
    tenants: Mapping[str, Tenant]

    def models_of(self, tenant: str) -> Sequence[ModelContract]:
        return [model for model in self.models.values() if model.tenant == tenant]


def load(environment: Environment, platform: Path = PLATFORM) -> Catalog:
    """Raises InputError with every problem of every file."""
    models = _documents(platform, "models")
    tenants = _documents(platform, "tenants")
    _refuse(p for document in models.values() for p in check(document, environment).problems)
    _refuse(p for document in tenants.values() for p in _unsound(document))
    catalog = Catalog(
        models={name: typed(document, ModelContract) for name, document in models.items()},
        tenants={name: typed(document, Tenant) for name, document in tenants.items()},
    )
    _refuse([*_without_tenant(catalog, models), *_over_quota(catalog, tenants, environment)])
    return catalog


def check_releases(releases: Mapping[str, Release], catalog: Catalog) -> None:
    """Only published versions of known models take traffic. Raises InputError."""
    wrong = []
    for name, release in releases.items():
        model = catalog.models.get(name)
        if model is None:
            wrong.append(f"{name} is not a model, expected one of {', '.join(catalog.models)}")
            continue
        named = {release.stable, release.canary, release.previous} - {None, *model.published}
        wrong += [
            f"{name}: version {version} was never published, do: serving model publish"
            for version in sorted(version for version in named if version is not None)
        ]
    if wrong:
        raise InputError("\n".join(f"serving:releases: {line}" for line in wrong))


def _documents(platform: Path, kind: str) -> Mapping[str, Document]:
    """By the file's name, which is the name of what it describes."""
    folder = platform / kind
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: run from a checkout of the repository")
    paths = sorted(folder.glob("*.yaml"))
    return {
        path.stem: read(path, name=path.relative_to(platform.parent).as_posix()) for path in paths
    }


def _refuse(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        raise DocumentError(found)


def _unsound(document: Document) -> Iterator[Problem]:
    try:
        tenant = typed(document, Tenant)
    except DocumentError as error:
        yield from error.problems
        return
    stem = Path(document.file).stem
    if tenant.name != stem:
        yield document.problem(
            ("name",), "is not the name of the file", got=tenant.name, expected=stem
        )


def _without_tenant(catalog: Catalog, documents: Mapping[str, Document]) -> Iterator[Problem]:
    for model in catalog.models.values():
        if model.tenant not in catalog.tenants:
            yield documents[model.name].problem(
                ("tenant",),
                "is not a tenant",
                got=model.tenant,
                expected=f"one of {', '.join(catalog.tenants)}",
                do=f"add platform/tenants/{model.tenant}.yaml",
            )


def _over_quota(
    catalog: Catalog, documents: Mapping[str, Document], environment: Environment
) -> Iterator[Problem]:
    for tenant in catalog.tenants.values():
        for excess in excesses(tenant.quota, catalog.models_of(tenant.name), environment):
            yield documents[tenant.name].problem(
                ("quota", *excess.part),
                f"is too small for the tenant's models in {environment}",
                got=excess.allowed,
                expected=f"≥ {excess.needed} ({excess.by})",
                do="raise the quota or lower the models' max_replicas",
            )
