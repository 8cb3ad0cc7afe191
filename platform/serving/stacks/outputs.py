"""What a stack exports: names and types, for other programs and for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


class LocalServer(TypedDict):
    """One server of a version."""

    pod: str
    http: str
    """Host and port, as for gRPC and for its metrics."""
    grpc: str
    metrics: str


class LocalOutputs(TypedDict):
    gateway: str
    """Host and port of all models; the authority of one is `<model>.localhost`."""
    gateway_admin: str
    prometheus: str
    store: str
    """`serving model publish … --to …`"""
    servers: Mapping[str, Mapping[str, Sequence[LocalServer]]]
    """By model and version."""
    releases: Mapping[str, Mapping[str, Any]]
    """Which versions take traffic, as deployed: what the promotion builds on."""
