"""Of the AWS stack, the layer of models: for each that is released its servers, its route, its
rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from components.balancer_route import BalancerRoute, BalancerRouteArgs
from components.irsa import ServiceAccountRole
from components.model_route import ModelRoute
from components.model_route_args import ModelRouteArgs
from components.model_server import ModelServer
from components.rules import Rules, RulesArgs
from components.service_account import ServiceAccount, ServiceAccountArgs
from serving.catalog import Catalog
from serving.contract.model import ModelContract
from serving.errors import InputError
from serving.observability.dialect import ISTIO
from serving.observability.rule_file import rule_file
from serving.settings import AwsSettings, Release
from serving.settings.identity import Identity
from serving.stacks import balancer_routes, routes, servers
from serving.stacks.ground import Ground

BALANCED_DRAIN_SECONDS: Final = 75
"""Longer than a load balancer takes to let go of a server."""


@dataclass(frozen=True, kw_only=True)
class Beneath:
    namespaces: Mapping[str, pulumi.Output[str]]
    """Of tenants."""
    copies: Mapping[str, pulumi.Output[str]]
    """Tenant → the claim of its copies on each node, where it has any."""
    readers: Mapping[str, ServiceAccountRole]
    """Model → its role, where its servers read the bucket themselves."""
    carries: Sequence[pulumi.Resource]
    """What models are reached, measured and scaled by."""


@dataclass(frozen=True, kw_only=True)
class Route:
    host: pulumi.Output[str]
    """At which callers ask the model."""
    made: ModelRoute | BalancerRoute | None
    """None while a load balancer has nobody to send to."""


def refuse_unservable(settings: AwsSettings, catalog: Catalog) -> None:
    """Whatever no server or no route can be made of, before anything is. Raises InputError."""
    if not settings.releases:
        return
    identity = _identity(settings)
    for name, release in sorted(settings.releases.items()):
        contract = catalog.models[name]
        _way(contract, release, settings, identity, contract.namespace)
        for version in _versions(release):
            servers.server(contract, version, _where(settings, contract.namespace, name, ""))


def build(ground: Ground, catalog: Catalog, beneath: Beneath) -> Mapping[str, Route]:
    """By model."""
    settings = ground.place.settings
    if not settings.releases:
        return {}
    layer = _Layer(ground=ground, identity=_identity(settings), beneath=beneath)
    return {
        name: layer.model(catalog.models[name], release)
        for name, release in sorted(settings.releases.items())
    }


@dataclass(frozen=True, kw_only=True)
class _Layer:
    ground: Ground
    identity: Identity
    beneath: Beneath

    def model(self, contract: ModelContract, release: Release) -> Route:
        after = self.ground.after(*self.beneath.carries)
        namespace = self.beneath.namespaces[contract.tenant]
        role = self.beneath.readers.get(contract.name)
        account = ServiceAccount(
            contract.name,
            ServiceAccountArgs(
                namespace=namespace,
                account=contract.name,
                annotations=role.annotations if role else {},
            ),
            self.ground.after(),
        ).account
        groups = rule_file([contract], ISTIO)["groups"]
        Rules(contract.name, RulesArgs(namespace=namespace, groups=groups), after)
        settings = self.ground.place.settings
        where = _where(settings, namespace, account, self.beneath.copies.get(contract.tenant, ""))
        idle = None if release.weight else release.canary
        running = [
            ModelServer(
                servers.workload(contract.name, version),
                servers.server(contract, version, where, waited_for=version != idle),
                after,
            )
            for version in _versions(release)
        ]
        return self._route(contract, release, self.ground.after(*running))

    def _route(
        self, contract: ModelContract, release: Release, opts: pulumi.ResourceOptions
    ) -> Route:
        settings = self.ground.place.settings
        namespace = self.beneath.namespaces[contract.tenant]
        way = _way(contract, release, settings, self.identity, namespace)
        if isinstance(way, ModelRouteArgs):
            route = ModelRoute(contract.name, way, opts)
            return Route(host=route.host, made=route)
        return Route(
            host=pulumi.Output.from_input(f"{contract.name}.{settings.gateway.domain}"),
            made=None if way is None else BalancerRoute(contract.name, way, opts),
        )


def _identity(settings: AwsSettings) -> Identity:
    if settings.identity is None:
        raise InputError(
            f"Pulumi.{pulumi.get_stack()}.yaml: serving:identity is missing: nobody may ask a "
            "model without a token, do: say whose tokens are taken (docs/layers/services.md)"
        )
    return settings.identity


def _versions(release: Release) -> Iterator[int]:
    named = {release.stable, release.canary, release.previous}
    yield from sorted(version for version in named if version is not None)


def _where(
    settings: AwsSettings,
    namespace: pulumi.Input[str],
    account: pulumi.Input[str],
    claim: pulumi.Input[str],
) -> servers.Where:
    meshed = settings.mesh.enabled
    return servers.Where(
        environment=settings.environment,
        region=settings.region,
        digests=settings.digests,
        namespace=namespace,
        service_account=account,
        claim=claim,
        meshed=meshed,
        drain_seconds=servers.DRAIN_SECONDS if meshed else BALANCED_DRAIN_SECONDS,
    )


def _way(
    contract: ModelContract,
    release: Release,
    settings: AwsSettings,
    identity: Identity,
    namespace: pulumi.Input[str],
) -> ModelRouteArgs | BalancerRouteArgs | None:
    domain = settings.gateway.domain
    if settings.mesh.enabled:
        return routes.route(contract, release, domain, identity.issuer)
    return balancer_routes.route(contract, release, domain, identity, namespace)
