"""GatewayDocuments: what an Envoy is told while it runs, in force before it counts as deployed."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi.dynamic import Resource

from components.local import xds
from components.local.provider import ByName, Props

KEY = "folder"


@dataclass(frozen=True, kw_only=True)
class GatewayDocumentsArgs:
    folder: str
    admin: str
    """The address of Envoy's administration."""
    log: str
    """Envoy's, which alone says why something was refused."""
    listeners: pulumi.Input[str]
    clusters: pulumi.Input[str]
    routes: pulumi.Input[str]


class GatewayDocuments(Resource, module="serving", name="GatewayDocuments"):
    def __init__(
        self, name: str, args: GatewayDocumentsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(ByName(__name__), name, {**vars(args)}, opts)


def create(props: Props) -> Props:
    xds.hand_over(props)
    return props


def update(olds: Props, news: Props) -> Props:
    return create(news)


def differs(olds: Props, news: Props) -> bool:
    return not xds.in_force(news)


def exists(props: Props) -> bool:
    return xds.in_force(props)


def delete(props: Props) -> None:
    xds.remove(props)
