"""The Pulumi program: settings read once, and the stack that they describe built."""

from __future__ import annotations

from pathlib import Path

import pulumi

from serving.catalog import PLATFORM, Catalog, load
from serving.errors import ServingError
from serving.settings import AwsSettings, LocalSettings, Settings
from serving.stacks import config
from serving.stacks.deployed import deployed, refuse_stale
from serving.stacks.outputs import LocalOutputs, Outputs


def program() -> None:
    """What `pulumi up` runs, and what the Automation API is handed."""
    try:
        settings = config.read()
        refuse_stale(settings.releases, deployed())
        outputs = build(settings, catalog_of(settings))
    except ServingError as error:
        # Of this one Pulumi shows the message alone, not the traceback.
        raise pulumi.RunError(str(error)) from error
    for name, value in outputs.items():
        pulumi.export(name, value)


def catalog_of(settings: Settings) -> Catalog:
    return load(settings.environment, Path(settings.catalog) if settings.catalog else PLATFORM)


def build(settings: Settings, catalog: Catalog) -> Outputs | LocalOutputs:
    """Each target brings libraries that the other one should not wait for."""
    match settings:
        case AwsSettings():
            from serving.stacks import aws

            return aws.build(settings, catalog)
        case LocalSettings():
            from serving.stacks.local import building

            return building.build(settings, catalog)
    raise TypeError(f"no stack is built from {type(settings).__name__}")
