"""What a stack exports: names and types, for other programs and for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi


class Outputs(TypedDict):
    region: str
    cluster_name: pulumi.Output[str]
    """`aws eks update-kubeconfig --name …`"""
    model_bucket: pulumi.Output[str]
    """`serving model publish … --to s3://…`"""
    model_store: pulumi.Output[str]
    """The file system that servers read models from."""
    image_repositories: Mapping[str, pulumi.Output[str]]
    """By name: `docker push …`"""
    gateway: pulumi.Output[str]
    """Host name of the load balancer: `*.<domain>` is a CNAME of it."""
    models: Mapping[str, pulumi.Output[str]]
    """Model → the host at which callers ask it."""
    private_service: NotRequired[pulumi.Output[str]]
    """Name of the service that those who come by PrivateLink make an endpoint for."""
    audit_bucket: pulumi.Output[str]
    """Where CloudTrail writes down who changed what."""
    capacity: Mapping[str, Any]
    """What fits on the nodes, what is spare, what it costs: `serving capacity` shows it."""
    pod_roles: Mapping[str, pulumi.Output[str]]
    """Controller or model → arn of the role that its service account has."""
    github_roles: NotRequired[pulumi.Output[Mapping[str, str]]]
    """`deploy`, `preview`, `promote` → `role-to-assume` of a workflow."""
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
