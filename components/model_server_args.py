"""What the servers of one version of a model depend on, in Kubernetes' words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

FOLDER = "/models"
"""Where a server finds what it serves."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request whose answer shows that a server still works."""

    path: str
    body: str
    """JSON; to be posted."""


@dataclass(frozen=True, kw_only=True)
class Probes:
    """Asked of a server at its port `http`. With several paths, or with a question, by `curl` in
    its own image."""

    ready_paths: Sequence[str]
    """All of them must answer 200."""
    live_path: str
    question: Question | None = None
    """Asked in the place of `live_path`."""
    startup_delay_seconds: int
    startup_period_seconds: int
    startup_failures: int
    """So many in a row, a period apart, until a server that never was ready is killed."""

    @property
    def startup_seconds(self) -> int:
        return self.startup_delay_seconds + self.startup_period_seconds * self.startup_failures


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A volume on the node, whose folders appear there when all of their files are complete."""

    name: pulumi.Input[str]
    folder: str
    """In the volume: what must have appeared there before the server starts."""
    image: str
    """With a shell: of what waits."""


@dataclass(frozen=True, kw_only=True)
class Toleration:
    """Of a `NoSchedule` taint; without a value, of all its values."""

    key: str
    value: str | None = None


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """As many replicas as the answer has thresholds in it."""

    query: str
    """For Prometheus; one number. No answer at all is no zero."""
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Scaling:
    min_replicas: int
    max_replicas: int
    triggers: Mapping[str, Trigger] = field(default_factory=dict)
    """By a lasting name; the one that wants the most replicas has its way. Without any there are
    always `min_replicas`."""
    prometheus: str
    """Its address."""
    scale_up_delay_seconds: int
    scale_down_delay_seconds: int

    def __post_init__(self) -> None:
        if not 0 <= self.min_replicas <= self.max_replicas:
            raise ValueError(
                f"min_replicas must be 0 to max_replicas, got {self.min_replicas} "
                f"and {self.max_replicas}"
            )


@dataclass(frozen=True, kw_only=True)
class ModelServerArgs:
    workload: str
    """What all its objects are called."""
    namespace: pulumi.Input[str]
    service_account: pulumi.Input[str]
    selector: Mapping[str, str]
    """Labels that these pods have and no others."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """More labels of theirs."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Of the pods."""

    container: str
    """Its name: logs are found by it."""
    image: str
    command: Sequence[str] = ()
    """In the place of the image's own entry point."""
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int]
    """`http`, and perhaps `grpc` and `metrics`."""
    metrics_port: int | None = None
    """Where `/metrics` is, if anywhere."""
    probes: Probes
    files: Claim | None = None
    """What it serves, below `/models`; None where it fetches that itself."""
    fetched: Mapping[str, str] = field(default_factory=dict)
    """Folder → the image whose entry point fills `/<folder>` before the server starts."""

    cpu: str
    memory: str
    """Requested and at the same time the limit."""
    shared_memory: str
    """Of `memory`, at most half: the size of `/dev/shm`."""
    storage: str
    """On the node's disk: what it writes, and what is fetched for it."""
    accelerators: Mapping[str, int] = field(default_factory=dict)
    """Extended resource, such as `nvidia.com/gpu`, → how many."""
    node_labels: Mapping[str, str]
    instance_types: Sequence[str] = ()
    """Any of them; all where none is named."""
    tolerations: Sequence[Toleration] = ()
    spread: bool = True
    """Over zones and nodes, as far as there are any."""
    spare: bool = True
    """Whether there is room for one pod more while pods are replaced; else one is missing."""

    drain_seconds: int
    """A server goes on until nobody sends it anything new."""
    longest_request_seconds: int
    scaling: Scaling
    waited_for: bool = True
    """Whether an update ends only when the servers are ready."""

    def __post_init__(self) -> None:
        if "http" not in self.ports:
            raise ValueError(f"ports must have one called http, got {', '.join(self.ports)}")
        if not self.selector:
            raise ValueError("selector must have at least one label: none selects all pods")
        if not self.probes.ready_paths:
            raise ValueError("ready_paths must be at least one")
