"""What a stack exports: names and types, for other programs and for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi


class Outputs(TypedDict):
    region: str
    cluster_name: pulumi.Output[str]
    """`aws eks update-kubeconfig --name …`"""
    model_bucket: pulumi.Output[str]
    """`serving model publish … --to s3://…`"""
    releases: Mapping[str, Mapping[str, Any]]
    """Which versions take traffic, as deployed: what the promotion builds on."""
