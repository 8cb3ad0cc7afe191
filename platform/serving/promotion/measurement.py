"""What was observed in one window: counter increments per arm, never rates or quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Increments of counters over one window."""

    requests: int = 0
    errors: int = 0
    """By HTTP status and by gRPC status."""
    slower: tuple[int, ...] = ()
    """Requests slower than each edge of the gateway's histogram."""
    queue_us: int = 0
    """Time spent in the server's queue, of all requests together."""
    served: int = 0
    """Requests the server says it answered: what `queue_us` is divided by."""

    def __post_init__(self) -> None:
        worst = max((self.errors, *self.slower))
        if min((self.errors, self.queue_us, self.served, *self.slower, 0)) < 0:
            raise ValueError(f"increments must not be negative, got {self}")
        if worst > self.requests:
            raise ValueError(f"more bad requests than requests: {worst} of {self.requests}")

    @property
    def queue_ms(self) -> float | None:
        return self.queue_us / self.served / 1000 if self.served else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """Gauges of one GPU at the end of the window."""

    uuid: str
    used_bytes: int
    total_bytes: int
    utilization: float
    """Share of time in which it was busy, 0 to 1."""
    shared: bool = False
    """By time with other pods, whose memory is in these figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    counts: Counts = Counts()
    pods: Mapping[str, Counts] = field(default_factory=dict)
    """The same increments by pod, where they are known by pod."""
    pending: int | None = None
    """Requests waiting in the servers at the end of the window."""
    capacity: int | None = None
    """Requests the servers can run at once: instances times largest batch, over all pods."""
    gpus: tuple[Gpu, ...] = ()
    restarts: int = 0
    out_of_memory: int = 0
    """Containers killed for memory, and CUDA out-of-memory failures."""
    xids: tuple[int, ...] = ()
    """Codes of the GPU driver's error messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The contract's golden samples, sent to both arms in this window."""

    asked: int
    malformed: int = 0
    """Wrong shape or type, NaN or infinity, or an error body behind HTTP 200; by the canary."""
    canary_wrong: int = 0
    stable_wrong: int = 0
    only_canary_wrong: int = 0
    only_stable_wrong: int = 0
    differ: int = 0
    """Samples to which canary and stable answer differently."""
    noise: int = 0
    """Samples to which stable, asked twice, answers differently."""
    example: str = ""
    """The first wrong answer, for people."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A precondition of judging that failed: an error or an absence, never "too little data"."""

    name: str
    query: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.detail or 'no answer'} (query: {self.query})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    started: float
    """Seconds since 1970, by the clock of the metrics store."""
    seconds: float
    weight: int
    """Of the canary, in percent, while the window ran."""
    canary: Arm = Arm()
    stable: Arm | None = None
    """None only where no version is stable yet."""
    loaded: bool = False
    """The canary's requests are those of a load test, and say nothing beside stable's."""
    answers: Answers | None = None
    unmet: tuple[Unmet, ...] = ()

    @property
    def compared(self) -> Arm | None:
        """What the canary's requests are compared with."""
        return None if self.loaded else self.stable
