"""The model contract: everything a version promises and needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, JsonValue, PlainSerializer, model_validator

from serving.contract.evaluation import Evaluation
from serving.contract.fields import (
    Cpu,
    Digest,
    HeaderName,
    Memory,
    Milliseconds,
    Name,
    Percent,
    Section,
    Share,
    Text,
)
from serving.contract.runtime import Runtime

Workload: TypeAlias = Literal["latency-critical", "standard", "small", "batch"]
Environment: TypeAlias = Literal["dev", "prod"]
GateName: TypeAlias = Literal[
    "errors", "p99", "p50", "slowdown", "queue", "pending", "gpu-memory", "saturation",
    "golden", "mirror",
]  # fmt: skip

MAX_VERSION = 2**31 - 1

DEFAULT_EDGES_MS = (
    1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0,
    30_000.0, 60_000.0,
)  # fmt: skip


class EfsRepository(Section):
    """The tenant's access point of the environment's file system."""

    kind: Literal["efs"]


class S3Repository(Section):
    """The environment's bucket, read by Triton itself."""

    kind: Literal["s3"]
    uri: Annotated[str, Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/\S*)?$")]


class OciRepository(Section):
    """An artifact image, copied in before the server starts."""

    kind: Literal["oci"]
    ref: Annotated[str, Field(pattern=r"^\S+@sha256:[0-9a-f]{64}$")]


Repository: TypeAlias = Annotated[
    EfsRepository | S3Repository | OciRepository, Field(discriminator="kind")
]


class Resources(Section):
    """Of one replica."""

    accelerator: Literal["gpu", "cpu"] = "gpu"
    """CPU is for dev and for models that do not gain from a GPU."""
    gpus: Annotated[int, Field(ge=0, le=16)] = 1
    """Whole GPUs; 1 when one is shared."""
    gpu_memory: Memory | None = None
    """Needed on each GPU, or on the MIG instance."""
    cpu: Cpu
    """Requested and guaranteed: `2`, `500m`."""
    memory: Memory
    """Requested and at the same time the limit: `4Gi`."""
    instance_types: tuple[str, ...] = ()
    """GPU instance types it may run on; it must fit each of them."""
    sharing: Literal["none", "mig", "time-slicing"] = "none"
    """Time slices are for small workloads; MIG only where the instance type has it."""
    mig_profile: Annotated[str, Field(pattern=r"^[1-7]g\.[0-9]{1,3}gb$")] | None = None
    """Such as `1g.5gb`; with `sharing: mig`."""

    @property
    def gpu_count(self) -> int:
        return self.gpus if self.accelerator == "gpu" else 0


class Health(Section):
    startup_seconds: Annotated[int, Field(ge=5, le=3600)]
    """From the start of the container to ready: download, load and warm-up."""


class Slo(Section):
    """Promises to callers; latencies are measured at the gateway."""

    p50_ms: Milliseconds = 100.0
    """Half of the requests are faster. An edge of the latency histogram."""
    p99_ms: Milliseconds
    """99 % of the requests are faster. An edge of the latency histogram."""
    error_rate: Share = 0.001
    """Largest share of requests that may fail."""
    queue_ms: Milliseconds = 50.0
    """Largest mean time in the server's queue."""


def _of_callers(header: str) -> str:
    if header in ("authorization", "x-model-version") or header.startswith(("x-tenant", "x-envoy")):
        raise ValueError("expected a header that callers set and the gateway keeps, such as x-user")
    return header


class Rollout(Section):
    steps: Annotated[tuple[Percent, ...], Field(min_length=1, max_length=20)] = (5, 10, 25, 50, 95)
    """Weights of the canary; the last watch runs at the last of them."""
    min_step_seconds: Annotated[int, Field(ge=1, le=86_400)] = 210
    """Shortest time at a weight, however good the evidence."""
    shadow_percent: Percent = 0
    """Share of stable's traffic mirrored to the canary before the first step."""
    evaluation: Evaluation | None = None
    """Another model grades the version's answers before it takes traffic: of models whose answers
    are free text, on vLLM or from one text to one on Triton."""
    load_test: bool = False
    """Before the first step the version must hold the load that `scaling.replica_rps` promises of
    each server, inside its SLO; each first release has to anyway."""
    sticky_by: Annotated[HeaderName, AfterValidator(_of_callers)] | None = None
    """A request header, such as `x-user`: requests with one value of it stay with one version, and
    those that got the canary keep it while its weight grows. Requests without it are spread."""
    gates: Annotated[
        frozenset[GateName],
        Field(min_length=1),
        PlainSerializer(sorted, return_type=list[GateName]),  # a set has another order in each run
    ] = frozenset(
        ("errors", "p99", "p50", "slowdown", "queue", "pending", "gpu-memory", "saturation",
         "golden", "mirror")
    )  # fmt: skip
    false_rollback: Share = 0.01
    """Error rate of the whole promotion."""
    false_advance: Share = 0.05
    """Error rate of each step."""


class Replicas(Section):
    min_replicas: Annotated[int, Field(ge=0, le=1000)]
    max_replicas: Annotated[int, Field(ge=1, le=1000)]


class Scaling(Section):
    min_replicas: Annotated[int, Field(ge=0, le=1000)] = 2
    """Of each version that takes traffic; never 0 outside dev."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = 4
    dev: Replicas = Replicas(min_replicas=1, max_replicas=1)
    """In dev environments; the only place where zero is taken."""
    replica_rps: Annotated[float, Field(gt=0)] | None = None
    """Requests per second one replica holds inside its SLO, as measured."""
    ramp_rps_per_minute: Annotated[float, Field(ge=0)] = 0.0
    """Fastest growth of traffic; headroom covers it while a new replica starts."""

    def replicas(self, environment: Environment) -> Replicas:
        if environment == "dev":
            return self.dev
        return Replicas(min_replicas=self.min_replicas, max_replicas=self.max_replicas)


class Observability(Section):
    latency_edges_ms: Annotated[tuple[Milliseconds, ...], Field(min_length=1, max_length=40)] = (
        DEFAULT_EDGES_MS
    )
    """Edges of the gateway's latency histogram for this model."""
    labels: dict[Name, Annotated[str, Field(max_length=63)]] = Field(default_factory=dict)
    """Added to alerts: who is called, which product it serves."""
    trace_rate: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of requests whose trace is kept."""


class Version(Section):
    """`serving model publish` enters digest, contract and source; people write overrides."""

    digest: Digest | None = None
    """Of the artifact's files; none until it is published."""
    contract: Digest | None = None
    """Of what reaches the server, as frozen when it was published."""
    source: Text | None = None
    """Where the artifact came from."""
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    """What this version changes in `runtime`, merged over it; written before it is published."""

    @model_validator(mode="after")
    def _entered_as_a_whole(self) -> Self:
        if len({self.digest is None, self.contract is None, self.source is None}) == 2:
            raise ValueError("expected digest, contract and source together, or none of them")
        return self


class ModelContract(Section):
    name: Name
    """Also the name of the file."""
    tenant: Name
    """Who owns it: a file of `platform/tenants/`."""
    description: Text
    workload: Workload = "standard"
    """Decides placement: latency-critical spreads, standard and small pack."""
    runtime: Runtime
    repository: Repository = EfsRepository(kind="efs")
    """Where the server reads its version from."""
    resources: Resources
    health: Health
    slo: Slo
    rollout: Rollout = Rollout()
    scaling: Scaling = Scaling()
    observability: Observability = Observability()
    versions: dict[Annotated[int, Field(ge=1, le=MAX_VERSION)], Version] = Field(
        default_factory=dict
    )

    @property
    def namespace(self) -> str:
        """Of its servers, in a cluster."""
        return namespace_of(self.tenant)

    @property
    def published(self) -> Mapping[int, Version]:
        return {number: known for number, known in self.versions.items() if known.digest}

    def at(self, version: int) -> Self:
        """The effective contract of one version. Raises pydantic's ValidationError."""
        known = self.versions.get(version)
        if known is None or not known.overrides:
            return self
        document = self.model_dump(mode="json", exclude_unset=True)
        document["runtime"] = merged(document["runtime"], known.overrides)
        return type(self).model_validate_json(json.dumps(document))


def namespace_of(tenant: str) -> str:
    return f"tenant-{tenant}"


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`: mappings are merged, everything else is replaced."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]  # both
    return result


def frozen(contract: ModelContract, version: int) -> dict[str, Any]:
    """What reaches the server, and so cannot change without a new version."""
    effective = contract.at(version)
    return {
        "name": effective.name,
        "accelerator": effective.resources.accelerator,
        "gpus": effective.resources.gpu_count,
        "runtime": effective.runtime.model_dump(mode="json"),
    }


def contract_digest(contract: ModelContract, version: int) -> str:
    """`sha256:…` over the canonical JSON of `frozen`."""
    text = json.dumps(frozen(contract, version), sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
