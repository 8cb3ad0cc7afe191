"""Without a mesh, what the load balancer is told of each model: its calls, its shares, its
tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pulumi

from components.balancer_route import BalancerRouteArgs, Forward, Protocol, Tokens
from serving.contract.model import ModelContract
from serving.contract.runtime import TritonRuntime
from serving.errors import InputError
from serving.gateway.calls import Call, calls
from serving.settings import Release
from serving.settings.identity import Identity
from serving.stacks.servers import workload


def route(
    contract: ModelContract,
    release: Release,
    domain: str,
    identity: Identity,
    namespace: pulumi.Input[str],
) -> BalancerRouteArgs | None:
    """None while there is no version that may be asked."""
    if release.stable is None:
        return None
    if contract.rollout.sticky_by is not None:
        raise InputError(
            f"model {contract.name}: rollout.sticky_by: a load balancer cannot choose a version by "
            "a header's value, do: leave it out, or serve the model on a local stack"
        )
    stable = workload(contract.name, release.stable)
    shares = {stable: 100 - release.weight}
    if release.canary is not None:
        shares[workload(contract.name, release.canary)] = release.weight
    if release.previous is not None:
        # Known to the load balancer before it may have to answer again.
        shares[workload(contract.name, release.previous)] = 0
    offered = calls(contract)

    def forwards(protocol: Protocol) -> Mapping[str, Forward]:
        wanted = [call for call in offered if call.protocol == protocol]
        return dict(_forwards(wanted, shares, {stable: 100}))

    return BalancerRouteArgs(
        namespace=namespace,
        host=f"{contract.name}.{domain}",
        http=forwards("http"),
        grpc=forwards("grpc"),
        health_path=_health_path(contract),
        tokens=_tokens(contract, identity),
    )


def _forwards(
    offered: list[Call], shares: Mapping[str, int], stable: Mapping[str, int]
) -> Iterator[tuple[str, Forward]]:
    """What computes nothing is asked of stable alone, so that it is no sample of the canary's."""
    ways = {("ask" if call.kind == "ask" else "infer", call.method) for call in offered}
    for way, method in sorted(ways):
        paths = [
            call.path
            for call in offered
            if call.method == method and (call.kind == "ask") == (way == "ask")
        ]
        weights = stable if way == "ask" else shares
        yield f"{way}-{method.lower()}", Forward(method=method, paths=paths, weights=weights)


def _health_path(contract: ModelContract) -> str:
    """Of a model without a version, as both versions are asked at the same path; each of the
    servers has one version alone. All models of a bundle are for the pod's own probe to ask."""
    if isinstance(contract.runtime, TritonRuntime):
        return f"/v2/models/{contract.runtime.reached[0]}/ready"
    return "/health"


def _tokens(contract: ModelContract, identity: Identity) -> Tokens:
    return Tokens(
        issuer=identity.issuer,
        keys_url=identity.jwks,
        claims={"aud": identity.audience, "tenant": contract.tenant},
    )
