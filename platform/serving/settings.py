"""A stack's whole configuration: `serving:*` of `Pulumi.<stack>.yaml` as one frozen object."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from serving.contract.document import Document
from serving.contract.fields import Name, Percent, Section
from serving.contract.model import Environment
from serving.contract.problem import DocumentError
from serving.contract.reading import typed
from serving.errors import InputError

Zone: TypeAlias = Literal["a", "b", "c", "d", "e", "f", "g", "h"]


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


class LocalSettings(Settings):
    """Processes on this machine; everything else of the stack lies in its state folder."""

    target: Literal["local"]
    replicas: dict[Name, Annotated[int, Field(ge=1, le=16)]] = Field(default_factory=dict)
    """Servers of each version, by model; one unless named."""


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
