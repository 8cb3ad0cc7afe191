"""Of the AWS stack, what contracts, releases and tenants mean for the way to a model."""

from __future__ import annotations

from collections.abc import Iterable

from components.gateway_tokens import Tokens
from components.model_route_args import ModelRouteArgs, Offer
from serving.contract.model import ModelContract
from serving.errors import InputError
from serving.gateway.calls import calls
from serving.gateway.filters import OURS
from serving.gateway.limits import SMALLEST_BODY, body_limit, timeouts, token_bucket
from serving.settings import Release
from serving.settings.identity import Identity
from serving.tenancy import Tenant


def tokens(identity: Identity | None, tenants: Iterable[Tenant]) -> Tokens | None:
    if identity is None:
        return None
    return Tokens(
        issuer=identity.issuer,
        audience=identity.audience,
        jwks_uri=identity.jwks,
        limits={each.name: token_bucket(each.requests_per_second) for each in tenants},
        body_bytes=SMALLEST_BODY,
        own_headers=OURS,
    )


def route(contract: ModelContract, release: Release, domain: str, issuer: str) -> ModelRouteArgs:
    if contract.rollout.sticky_by is not None:
        raise InputError(
            f"model {contract.name}: rollout.sticky_by: the mesh cannot choose a version by a "
            "header's value, do: leave it out, or serve the model on a local stack"
        )
    waits = timeouts(contract)
    named = (release.stable, release.canary, release.previous)
    return ModelRouteArgs(
        model=contract.name,
        namespace=contract.namespace,
        domain=domain,
        issuer=issuer,
        tenant=contract.tenant,
        offers=[
            Offer(
                name=f"{contract.name}/{call.name}",
                method=call.method,
                path=call.path,
                protocol=call.protocol,
                kind=call.kind,
            )
            for call in calls(contract)
        ],
        body_bytes=body_limit(contract),
        try_seconds=waits.one_try,
        answer_seconds=waits.whole,
        versions=[version for version in named if version is not None],
        stable=release.stable,
        canary=release.canary,
        weight=release.weight,
        shadow_percent=contract.rollout.shadow_percent,
    )
