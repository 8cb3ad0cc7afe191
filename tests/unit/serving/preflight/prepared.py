"""Stacks of this repository, as checks know them."""

from __future__ import annotations

from typing import Any

from serving.preflight.stack import Stack
from serving.settings import AwsSettings
from tests.unit import stacks

OURS = {"Project": "serving", "Env": "prod"}


def stack(name: str = "prod", **changes: Any) -> Stack:
    settings = stacks.settings(name, **changes)
    assert isinstance(settings, AwsSettings)
    return Stack(stack=name, settings=settings, awaited=["grafana"])


def section(name: str, stack_name: str = "prod", **changes: Any) -> dict[str, Any]:
    """One section of its file, changed."""
    return {name: {**stacks.values(stack_name)[name], **changes}}
