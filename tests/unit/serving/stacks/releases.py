"""Models as if versions of theirs had been published, and stacks that serve them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, Final

from serving import catalog
from serving.catalog import Catalog
from serving.contract.model import ModelContract, Version, contract_digest
from serving.stacks.outputs import Outputs
from serving.stacks.program import build
from tests.conftest import Graph, synthesise
from tests.unit import stacks

DIGEST: Final = f"sha256:{'ab' * 32}"
IDENTITY: Final = {
    "issuer": "https://identity.example.com",
    "audience": "models",
    "jwks": "https://identity.example.com/keys",
}


def published(*names: str, **changes: Any) -> Catalog:
    """With three versions of each."""
    known = catalog.load("prod")
    found = {name: _with_versions(known.models[name], changes) for name in names}
    return replace(known, models={**known.models, **found})


def _with_versions(model: ModelContract, changes: dict[str, Any]) -> ModelContract:
    changed = model.model_copy(update={**changes, "versions": {}})
    digest = contract_digest(changed, 1)
    version = Version(digest=DIGEST, contract=digest, source="trained")
    return changed.model_copy(update={"versions": dict.fromkeys((1, 2, 3), version)})


@cache
def built(*names: str, meshed: bool = True, **release: int) -> tuple[Graph, Outputs]:
    """Prod, with the same release of these models, or of all."""
    served = names or tuple(catalog.load("prod").models)
    known, outputs = published(*served), list[Any]()
    releases = dict.fromkeys(served, release)
    settings = stacks.settings(
        "prod", releases=releases, identity=IDENTITY, mesh={"enabled": meshed}
    )
    graph = synthesise(lambda: outputs.append(build(settings, known)), stack="prod")
    return graph, outputs[0]


def released(*names: str, meshed: bool = True, **release: int) -> Graph:
    return built(*names, meshed=meshed, **release)[0]
