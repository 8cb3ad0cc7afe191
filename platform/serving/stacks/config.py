"""The stack's config, read once. Nothing else in the tree asks Pulumi for config."""

from __future__ import annotations

import json

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from serving.settings import Settings, parse

NAMESPACE = "serving:"


def read() -> Settings:
    # pulumi.Config answers only for keys it is asked for, and would never see a mistyped one.
    config = {**get_config_env(), **CONFIG.get()}
    values = {
        key.removeprefix(NAMESPACE): decode(value)
        for key, value in config.items()
        if key.startswith(NAMESPACE)
    }
    return parse(values, f"Pulumi.{pulumi.get_stack()}.yaml")


def decode(value: str) -> object:
    """Pulumi hands over text: as it was written, or as JSON where it was more than text."""
    structured = value.startswith(("{", "[")) or value in ("true", "false")
    return json.loads(value) if structured else value
