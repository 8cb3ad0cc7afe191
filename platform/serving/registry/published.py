"""What reached the server of a version when it was published, whatever its YAML says today."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from serving.contract.model import ModelContract, contract_digest, frozen
from serving.contract.repository import CONTRACT
from serving.errors import InputError
from serving.registry.errors import failing
from serving.registry.files import Files
from serving.registry.store import Store


def frozen_with(artifact: Files) -> Mapping[str, Any]:
    """As `serving.contract.model.frozen` gave it to the version's folder."""
    with (
        failing(f"{artifact.where}/{CONTRACT}"),
        artifact.open(CONTRACT) as stream,
        io.BufferedReader(stream) as whole,
    ):
        kept: Mapping[str, Any] = json.load(whole)
    return kept


def frozen_of(contract: ModelContract, version: int, store: Store | None) -> Mapping[str, Any]:
    """From the store where it is published there, else from the YAML.

    Raises InputError where the YAML no longer says what the version was published with.
    """
    if store is not None and str(version) in store.versions(contract.name):
        return frozen_with(store.version(contract.name, version))
    published = contract.published.get(version)
    coming = max(contract.published, default=0) + 1
    if published is None and version != coming and version not in contract.versions:
        raise InputError(
            f"{contract.name} has no version {version}: {coming} would be the next, with what the "
            "YAML says today"
        )
    if published and published.contract != contract_digest(contract, version):
        raise InputError(
            f"{contract.name}: version {version} was published with another contract than the YAML "
            "holds today: name the store that has it with --in"
        )
    return frozen(contract, version)


def as_published(contract: ModelContract, artifact: Files) -> ModelContract:
    """The contract with what was frozen into a version, whatever its YAML says today."""
    kept = frozen_with(artifact)
    document = contract.model_dump(mode="json", exclude={"versions"})
    document["runtime"] = kept["runtime"]
    document["resources"]["accelerator"] = kept["accelerator"]
    return ModelContract.model_validate_json(json.dumps(document))
