"""The stacks: what the settings describe, built from components."""

from __future__ import annotations

import pulumi

from serving.catalog import Catalog, load
from serving.errors import ServingError
from serving.settings import Settings
from serving.stacks import aws, config
from serving.stacks.deployed import deployed, refuse_stale
from serving.stacks.outputs import Outputs


def program() -> None:
    """What `pulumi up` runs, and what the Automation API is handed."""
    try:
        settings = config.read()
        refuse_stale(settings.releases, deployed())
        outputs = build(settings, load(settings.environment))
    except ServingError as error:
        # Of this one Pulumi shows the message alone, not the traceback.
        raise pulumi.RunError(str(error)) from error
    for name, value in outputs.items():
        pulumi.export(name, value)


def build(settings: Settings, catalog: Catalog) -> Outputs:
    match settings.target:
        case "aws":
            return aws.build(settings, catalog)
