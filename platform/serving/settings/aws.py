"""What a stack in AWS says."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from serving.contract.fields import Email, Name, Section
from serving.pools.pool import Pool, Zones
from serving.settings.identity import Identity
from serving.settings.stack import Settings

SERVICES: Final = IPv4Network("172.20.0.0/16")
"""Addresses of Kubernetes' Services."""
PRIVATE: Final = tuple(
    map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"))
)
"""Addresses that are nobody's on the internet: RFC 1918 and RFC 6598."""

Principal: TypeAlias = Annotated[
    str, Field(pattern=r"^arn:aws:iam::[0-9]{12}:(root|(role|user)/[\w+=,.@/-]+)$")
]


def _vpc(network: IPv4Network) -> IPv4Network:
    if not 16 <= network.prefixlen <= 20:
        raise ValueError("expected a network of /16 to /20")
    if network.overlaps(SERVICES):
        raise ValueError(f"expected a network outside of {SERVICES}, which Services have")
    return network


def _narrow(network: IPv4Network) -> IPv4Network:
    if network.prefixlen < 24:
        raise ValueError("expected a network of /24 or narrower")
    return network


def _private(network: IPv4Network) -> IPv4Network:
    if not any(network.subnet_of(each) for each in PRIVATE):
        raise ValueError(f"expected a network within {', '.join(map(str, PRIVATE))}")
    return network


def _different(networks: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
    if len(set(networks)) != len(networks):
        raise ValueError("expected each network once")
    return networks


class Network(Section):
    cidr: Annotated[IPv4Network, AfterValidator(_vpc)]
    zones: Annotated[Zones, Field(min_length=2)]
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
    private_access_cidrs: Annotated[
        tuple[Annotated[IPv4Network, AfterValidator(_private)], ...], AfterValidator(_different)
    ] = ()
    """Who may reach the API server from inside the VPC, or from what is connected to it, beside the
    nodes: the network of a runner that deploys."""
    autoscaler: Literal["cluster-autoscaler", "karpenter"] = "cluster-autoscaler"
    """What adds nodes: to the groups that there are, or, with Karpenter, of its own choice."""
    identity: Literal["irsa", "pod-identity"] = "irsa"
    """How pods get their roles: by tokens that the cluster signs, or by an agent on each node."""
    cloudwatch: bool = False
    """Also send what containers and nodes use to CloudWatch, which charges for it."""


class Gateway(Section):
    """Where requests come in."""

    domain: Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$")]
    """Models answer at `<model>.<domain>`. ACM must hold a certificate for `*.<domain>`."""
    public_access_cidrs: tuple[IPv4Network, ...] = ()
    """Who may come from the internet; the gateway is not to be found there unless any is named."""
    private_principals: tuple[Principal, ...] = ()
    """Who may come from networks of their own by AWS PrivateLink: accounts, roles or users, by
    ARN. Only of a gateway that the internet does not find."""

    @model_validator(mode="after")
    def _private_or_public(self) -> Self:
        if self.private_principals and self.public_access_cidrs:
            raise ValueError("expected private_principals or public_access_cidrs, not both")
        return self


class Mesh(Section):
    enabled: bool = True
    """Istio routes the traffic. Without it an application load balancer does, by the same weights,
    and what only the mesh has is gone: see `docs/layers/cluster.md`."""


class Traces(Section):
    percentage: Annotated[float, Field(gt=0, le=100)]
    """Of the requests whose callers have not decided themselves."""
    collector: Annotated[str, Field(pattern=r"^[a-z0-9.-]+:[0-9]{2,5}$")] | None = None
    """`host:port` outside of the cluster that takes OTLP over gRPC; Tempo, inside, unless named."""
    retention_days: Annotated[int, Field(ge=1, le=90)] = 7
    """Of Tempo."""


class GitOps(Section):
    """What Argo CD keeps in the cluster as it is in a Git repository."""

    repository: Annotated[str, Field(pattern=r"^https://[^\s]+$")]
    revision: str = "main"
    """A branch that is followed, or a tag or a commit that stays."""
    folders: Annotated[dict[Name, str], Field(min_length=1)]
    """Tenant → the folder of what is kept in its namespace."""


class Store(Section):
    lock_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """How long nobody may delete or overwrite what was published. Only for a new bucket."""


class Images(Section):
    """The registry that images are pushed to."""

    repositories: Annotated[tuple[Name, ...], Field(min_length=1)] = ("tritonserver", "vllm")
    """One for each image that is built here."""
    pull_through: tuple[Literal["ecr-public", "kubernetes", "quay"], ...] = ()
    """Public registries whose images are copied into this one when they are first pulled."""


class Logs(Section):
    retention_days: Literal[7, 14, 30, 60, 90, 180, 365, 731, 1827]


class Audit(Section):
    """Every change in the account, and every request for a model."""

    retention_days: Annotated[int, Field(ge=1, le=3650)]
    """How long nobody can delete a record; in an environment that retains, nobody at all, not even
    the owner of the account. What was recorded under a longer time stays for that time."""


class Budget(Section):
    monthly_usd: Annotated[int, Field(gt=0)]
    """Of the whole environment. What each tenant may spend is in the tenant's own file."""


class State(Section):
    """The bucket that Pulumi keeps this stack's state in; promotions keep their journals there."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    key_arn: Annotated[str, Field(pattern=r"^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9a-f-]{36}$")]
    """Of the key that encrypts the bucket, and the secrets in the state."""


class GitHub(Section):
    """The repository whose jobs deploy, preview and promote this stack, without a key of their
    own."""

    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")]
    """`owner/name`."""
    owner_id: Annotated[int, Field(ge=1)]
    """A name can be given up and taken by somebody else, a number not: `gh api repos/owner/name`
    tells `.owner.id` and `.id`."""
    repository_id: Annotated[int, Field(ge=1)]
    branch: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]+$")] = "main"
    """Deployments and promotions come from nowhere else."""
    environment: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    """GitHub's environment whose jobs deploy; its protection rules decide who may."""
    promotion_environment: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    """The one whose jobs promote."""
    provider: Literal["own", "shared"] = "own"
    """An account can have one provider for GitHub; all stacks in it but one share it."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.environment == self.promotion_environment:
            raise ValueError("expected promotions to have an environment of their own")
        return self


class AwsSettings(Settings):
    target: Literal["aws"]
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
    owner: str
    """On the bill and in alarms: the team that runs this environment."""
    contacts: Annotated[tuple[Email, ...], Field(min_length=1, max_length=10)]
    """Mail addresses that hear of alarms, and of a budget that is nearly spent."""
    cost_center: str
    retain: bool = True
    """Protect what holds state: the cluster, the models, their keys. Only a throw-away
    environment says false."""
    network: Network
    cluster: Cluster
    pools: dict[Name, Pool]
    """Name → equal nodes, in a group for each zone. Models are placed on those whose `workload`
    they ask for: `cpu-compute`, `gpu`, `gpu-vllm`, `gpu-vllm-large`, `gpu-mig`, `gpu-shared`."""
    gateway: Gateway
    mesh: Mesh = Mesh()
    identity: Identity | None = None
    """Nobody may ask a model unless it is named."""
    traces: Traces | None = None
    gitops: GitOps | None = None
    digests: dict[str, Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]] = Field(
        default_factory=dict
    )
    """Image, with its registry and tag → its digest. One that is not named goes by its tag, which
    somebody may move."""
    store: Store = Store()
    images: Images = Images()
    secrets: dict[Name, str] = Field(default_factory=dict)
    """Name → what it holds. People put the values into Secrets Manager, under `<stack>/<name>`."""
    logs: Logs
    audit: Audit
    budget: Budget
    state: State | None = None
    github: GitHub | None = None

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(f"{self.region}{letter}" for letter in self.network.zones)
