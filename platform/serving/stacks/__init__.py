"""The stacks: what the settings describe, built from components."""

from __future__ import annotations

from serving.catalog import Catalog
from serving.settings import Settings
from serving.stacks import aws
from serving.stacks.outputs import Outputs


def build(settings: Settings, catalog: Catalog) -> Outputs:
    match settings.target:
        case "aws":
            return aws.build(settings, catalog)
