"""A stack's whole configuration: `serving:*` of `Pulumi.<stack>.yaml` as one frozen object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import IPv4Network, ip_address
from typing import Annotated, Final, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from serving.contract.document import Document
from serving.contract.fields import Name, Percent, Section
from serving.contract.model import Environment
from serving.contract.problem import DocumentError
from serving.contract.reading import typed
from serving.errors import InputError

Zone: TypeAlias = Literal["a", "b", "c", "d", "e", "f", "g", "h"]
_SPELT: Final = re.compile(r"\A[!-~]+\Z")


def _vpc(network: IPv4Network) -> IPv4Network:
    if not 16 <= network.prefixlen <= 20:
        raise ValueError("expected a network of /16 to /20")
    return network


def _narrow(network: IPv4Network) -> IPv4Network:
    if network.prefixlen < 24:
        raise ValueError("expected a network of /24 or narrower")
    return network


def _different(zones: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(zones)) != len(zones):
        raise ValueError("expected each zone once")
    return zones


def _collector(address: str) -> str:
    """Without TLS, which Triton's exporter does not speak."""
    scheme, _, path = _address(address)
    if scheme != "http" or not path.strip("/"):
        raise ValueError("expected an address such as http://127.0.0.1:4318/v1/traces")
    return address


def _key_set(address: str) -> str:
    """Nobody on the way may put in other keys."""
    scheme, host, _ = _address(address)
    if scheme == "http" and host not in ("localhost", "127.0.0.1"):
        raise ValueError("expected https, or http on this machine itself")
    if scheme == "https" and _is_number(host):
        raise ValueError("expected a host's name, which its certificate can have")
    return address


def _address(text: str) -> tuple[str, str, str]:
    """Its scheme, host and path."""
    with suppress(ValueError):  # of a port that is none
        parts = urlsplit(text)
        plain = parts.port != 0 and parts.username is None and not parts.fragment
        if parts.scheme in ("http", "https") and parts.hostname and plain and _SPELT.search(text):
            return parts.scheme, parts.hostname, parts.path
    raise ValueError("expected a web address, without user, password or fragment")


def _is_number(host: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(host))
    return False


class Network(Section):
    cidr: Annotated[IPv4Network, AfterValidator(_vpc)]
    zones: Annotated[tuple[Zone, ...], Field(min_length=2), AfterValidator(_different)]
    """The letters that the zones' names end in."""
    nat: Literal["single", "per-zone"]
    """One gateway costs less; one in each zone keeps a zone's failure in that zone."""
    endpoints: tuple[str, ...] = ("sts",)
    """AWS services reached inside the VPC, by the last part of their endpoint's name. S3 always
    is; without `sts` no pod can assume its role."""


class Cluster(Section):
    version: Annotated[str, Field(pattern=r"^1\.[0-9]{2}$")]
    """Of Kubernetes, as EKS names it."""
    administrators: Annotated[dict[Name, str], Field(min_length=1)]
    """Names of IAM roles of this account, by a lasting name. Who deploys must be among them."""
    public_access_cidrs: tuple[Annotated[IPv4Network, AfterValidator(_narrow)], ...] = ()
    """Who may reach the API server from outside the VPC; nobody unless named."""


class Store(Section):
    lock_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """How long nobody may delete or overwrite what was published. Only for a new bucket."""


class Logs(Section):
    retention_days: Literal[7, 14, 30, 60, 90, 180, 365, 731, 1827]


class Release(Section):
    """Which versions of a model take traffic. Written by the promotion."""

    stable: Annotated[int, Field(ge=1)] | None = None
    """None until a first release has passed its tests."""
    canary: Annotated[int, Field(ge=1)] | None = None
    weight: Percent = 0
    """The canary's share of the traffic."""
    previous: Annotated[int, Field(ge=1)] | None = None
    """The last stable version, kept warm."""
    revision: Annotated[int, Field(ge=0)] = 0
    """Rises with every change; a table with a lower one is stale."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.stable is None and (self.canary is None or self.weight or self.previous):
            raise ValueError(
                "expected a stable version, or a first canary alone and without weight"
            )
        if self.weight and self.canary is None:
            raise ValueError("expected a weight only where there is a canary")
        named = [each for each in (self.stable, self.canary, self.previous) if each is not None]
        if len(set(named)) != len(named):
            raise ValueError("expected stable, canary and previous to be different versions")
        return self


class Settings(Section):
    """What every stack says."""

    environment: Environment
    catalog: str | None = None
    """The folder with `models/` and `tenants/`; the checkout's `platform/` unless named."""
    policy_packs: tuple[str, ...] = ()
    """Folders of CrossGuard packs; every update that a promotion makes runs under them."""
    releases: dict[Name, Release] = Field(default_factory=dict)
    """Only the promotion writes here."""


class AwsSettings(Settings):
    target: Literal["aws"]
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
    owner: str
    """On the bill and in alarms: the team that runs this environment."""
    cost_center: str
    retain: bool = True
    """Protect what holds state: the cluster, the models, their keys. Only a throw-away
    environment says false."""
    network: Network
    cluster: Cluster
    store: Store = Store()
    logs: Logs

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(f"{self.region}{letter}" for letter in self.network.zones)


class Traces(Section):
    """Spans of the gateway and of the servers, in one trace."""

    endpoint: Annotated[str, AfterValidator(_collector)]
    """Where a collector takes OTLP over HTTP: `http://127.0.0.1:4318/v1/traces`."""
    sampling_percent: Percent = 10
    """Of requests without a `traceparent`; of the others their own flag decides."""


class Identity(Section):
    """Who makes the tokens that the gateway takes."""

    issuer: Annotated[str, Field(min_length=1)]
    """As its tokens have it in `iss`."""
    audience: Annotated[str, Field(min_length=1)]
    """Must be among `aud` of a token."""
    jwks: Annotated[str, AfterValidator(_key_set)]
    """The address of its public keys, a JSON Web Key Set; https, or http on this machine."""
    refresh_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """A key that the issuer has begun or ceased to publish counts after so long."""


class LocalSettings(Settings):
    """Processes on this machine; everything else of the stack lies in its state folder."""

    target: Literal["local"]
    replicas: dict[Name, Annotated[int, Field(ge=1, le=16)]] = Field(default_factory=dict)
    """Servers of each version, by model; one unless named."""
    traces: Traces | None = None
    """Sent nowhere unless named."""
    identity: Identity | None = None
    """In place of the stack's own issuer, whose tokens are refused then."""


_TARGETS: Final[Mapping[object, type[Settings]]] = {"aws": AwsSettings, "local": LocalSettings}


def parse(values: Mapping[str, object], file: str) -> Settings:
    """Raises InputError with everything that is wrong, each under its key in `file`."""
    document = Document(file=file, data=values, values={}, keys={})
    kind = _TARGETS.get(values.get("target"))
    if kind is None:
        raise InputError(
            f"{file}: serving:target: is not valid, got {values.get('target')!r}, expected one of "
            f"{', '.join(map(str, _TARGETS))}"
        )
    try:
        return typed(document, kind)
    except DocumentError as error:
        # Pulumi hands values over without their lines.
        said = [str(problem).removeprefix(f"{file}:1:1: ") for problem in error.problems]
        raise InputError("\n".join(f"{file}: serving:{line}" for line in said)) from None
