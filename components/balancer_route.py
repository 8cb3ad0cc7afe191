"""Without a mesh, the way from the load balancer to the versions of one model, by their weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.networking.v1 import HTTPIngressPathArgsDict, IngressSpecArgsDict

from components.balancer import CLASS, HTTPS_PORT, PREFIX, USE_ANNOTATION

Protocol: TypeAlias = Literal["http", "grpc"]
"""Also the name of the port of the Services."""

VERSIONS: Final[Mapping[Protocol, str]] = {"http": "HTTP1", "grpc": "GRPC"}
GRPC_HEALTH: Final = "/grpc.health.v1.Health/Check"
SUCCESS: Final[Mapping[Protocol, str]] = {"http": "200", "grpc": "0"}

MOST_SERVICES: Final = 5
"""That a load balancer chooses among."""
LONGEST: Final = 256
"""Of what it is told about tokens."""
DEREGISTRATION_SECONDS: Final = 60
"""What a pod that goes away has begun may take so long to end."""


@dataclass(frozen=True, kw_only=True)
class Forward:
    """Calls that go to the same Services in the same shares."""

    method: str
    paths: Sequence[str]
    """As they are: nothing below one, and nothing like it."""
    weights: Mapping[str, int]
    """Service → percent."""

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("paths must be at least one")
        if odd := [path for path in self.paths if set(path) & set("*?")]:
            raise ValueError(f"paths must have no wildcards, got {odd[0]}")
        shares = list(self.weights.values())
        if sum(shares) != 100 or min(shares) < 0:
            raise ValueError(f"weights must be 0 to 100 and 100 together, got {shares}")
        if len(shares) > MOST_SERVICES:
            raise ValueError(f"weights must be of at most {MOST_SERVICES}, got {len(shares)}")


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What the load balancer asks of a request's JSON Web Token, beside that it still holds."""

    issuer: str
    keys_url: str
    """Where its keys are, over HTTPS. The load balancer knows RS256 alone."""
    claims: Mapping[str, str]
    """Each must be there, as a string and not in a list, with this value."""

    def __post_init__(self) -> None:
        if not self.keys_url.startswith("https://"):
            raise ValueError(f"keys_url must be https://…, got {self.keys_url}")
        said = [self.issuer, self.keys_url, *self.claims.values()]
        if long := [each for each in said if len(each) > LONGEST]:
            raise ValueError(f"tokens must be told in {LONGEST} characters each, got {long[0]}")


@dataclass(frozen=True, kw_only=True)
class BalancerRouteArgs:
    namespace: pulumi.Input[str]
    """Of the Services, which must be there before: while one is missing, nothing changes on the
    whole load balancer."""
    host: str
    http: Mapping[str, Forward]
    """By a lasting name."""
    health_path: str
    """Answers 200 over HTTP when the pod can be asked. One for all Services."""
    tokens: Tokens
    grpc: Mapping[str, Forward] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.http:
            raise ValueError("http must have at least one way")


class BalancerRoute(pulumi.ComponentResource):
    """Whoever makes it waits until the load balancer has it, but not until other weights hold."""

    def __init__(
        self, name: str, args: BalancerRouteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:BalancerRoute", name, None, opts)
        for protocol, forwards in ways(args).items():
            k8s.networking.v1.Ingress(
                f"{name}-{protocol}",
                metadata={
                    "name": f"{name}-{protocol}",
                    "namespace": args.namespace,
                    "annotations": ingress_annotations(args, protocol),
                },
                spec=ingress_spec(args.host, forwards),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def ways(args: BalancerRouteArgs) -> Mapping[Protocol, Mapping[str, Forward]]:
    """An Ingress for each: how pods are spoken to holds for a whole one."""
    found: dict[Protocol, Mapping[str, Forward]] = {"http": args.http}
    return {**found, "grpc": args.grpc} if args.grpc else found


def ingress_annotations(args: BalancerRouteArgs, protocol: Protocol) -> dict[str, str]:
    # Not the Services' own: those hold for both protocols, and each is asked in another way.
    said = {
        "listen-ports": json.dumps([{"HTTPS": HTTPS_PORT}]),
        "backend-protocol-version": VERSIONS[protocol],
        "healthcheck-path": args.health_path if protocol == "http" else GRPC_HEALTH,
        "success-codes": SUCCESS[protocol],
        "target-group-attributes": ",".join(
            [
                f"deregistration_delay.timeout_seconds={DEREGISTRATION_SECONDS}",
                "load_balancing.algorithm.type=least_outstanding_requests",
            ]
        ),
        "jwt-validation": json.dumps(validation(args.tokens)),
    }
    for key, forward in ways(args)[protocol].items():
        said[f"actions.{key}"] = json.dumps(action(forward, protocol))
        said[f"conditions.{key}"] = json.dumps(
            [
                {
                    "field": "http-request-method",
                    "httpRequestMethodConfig": {"values": [forward.method]},
                }
            ]
        )
    return {f"{PREFIX}{key}": value for key, value in said.items()}


def ingress_spec(host: str, forwards: Mapping[str, Forward]) -> IngressSpecArgsDict:
    return {
        "ingress_class_name": CLASS,
        "rules": [{"host": host, "http": {"paths": list(_paths(forwards))}}],
    }


def action(forward: Forward, protocol: Protocol) -> dict[str, Any]:
    """A Service without a share is named too, so that its pods are known before it has one."""
    groups = [
        {"serviceName": service, "servicePort": protocol, "weight": weight}
        for service, weight in forward.weights.items()
    ]
    return {"type": "forward", "forwardConfig": {"targetGroups": groups}}


def validation(tokens: Tokens) -> dict[str, Any]:
    claims = [
        {"name": name, "format": "single-string", "values": [value]}
        for name, value in tokens.claims.items()
    ]
    return {
        "jwksEndpoint": tokens.keys_url, "issuer": tokens.issuer, "additionalClaims": claims,
    }  # fmt: skip


def _paths(forwards: Mapping[str, Forward]) -> Iterator[HTTPIngressPathArgsDict]:
    for key, forward in forwards.items():
        for path in forward.paths:
            yield {
                "path": path,
                "path_type": "Exact",
                "backend": {"service": {"name": key, "port": {"name": USE_ANNOTATION}}},
            }
