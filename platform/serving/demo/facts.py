"""What the demo saw, as data: the table, the report and `--json` say nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from pydantic import TypeAdapter

from serving.demo.scenario import Disturbance


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """Times are in seconds after the load began."""

    model: str
    version: int
    stable: int | None
    about: str
    disturbance: Disturbance | None = None
    expected: str
    catches: Sequence[str] = ()
    outcome: str
    gate: str
    """That ended it, or the phase of its preparation that did; empty where it was promoted."""
    reason: str
    began: float
    ended: float
    weights: Sequence[tuple[float, int]]
    """When the version got which weight."""
    events: Sequence[tuple[float, str]] = ()
    """What was done to it meanwhile."""
    exposed: int = 0
    """Requests that the version answered meanwhile."""
    bad: int = 0
    """Of these, answered with an error or wrong."""
    lost: int = 0
    """Of all requests meanwhile; none of those in the next field."""
    lost_to_kill: int = 0
    """While the server that was killed still had traffic."""
    journal: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def problem(self) -> str:
        """Empty where it ended as it had to."""
        name = f"{self.model} {self.version} ({self.about})"
        why = shorten(self.reason, 300, placeholder="…")
        if self.outcome != self.expected:
            return f"{name}: {self.outcome}, expected: {self.expected}; {why}"
        if self.catches and self.gate not in self.catches:
            wanted = " or ".join(sorted(self.catches))
            return f"{name}: caught by {self.gate or 'no gate'}, expected: {wanted}; {why}"
        if self.lost:
            return f"{name}: {self.lost} requests were lost meanwhile"
        return ""


@dataclass(frozen=True, kw_only=True)
class Point:
    """What callers saw of one version of one model in one bin of time."""

    at: float
    model: str
    version: int | None
    requests: int
    errors: int
    wrong: int
    lost: int
    refused: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, kw_only=True)
class Total:
    """Of one version of one model, or of nobody, over the whole load."""

    model: str
    version: int | None
    requests: int
    errors: int
    wrong: int
    lost: int
    refused: int
    http: int
    grpc: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    began: float
    """Of the load, in seconds since 1970."""
    seconds: float
    """That the load lasted."""
    whole_seconds: float
    """From the start of the demo to its end."""
    setup: Mapping[str, float]
    """Seconds by what was done before the load."""
    rates: Mapping[str, float]
    """Requests per second that were sent, by model."""
    slo_p99_ms: float
    waiver: str
    promotions: Sequence[Promotion]
    totals: Sequence[Total]
    bin_seconds: float
    points: Sequence[Point]
    lost_because: Mapping[str, int]
    """The most frequent reasons that callers were given, with how often."""
    late_p99_ms: float | None
    """By how much the load generator itself was late."""
    machine: Mapping[str, str]

    @property
    def requests(self) -> int:
        return sum(total.requests for total in self.totals)

    @property
    def lost(self) -> int:
        return sum(total.lost for total in self.totals)

    @property
    def refused(self) -> int:
        return sum(total.refused for total in self.totals)

    @property
    def bad(self) -> int:
        return sum(total.errors + total.wrong for total in self.totals)

    @property
    def lost_to_kill(self) -> int:
        return sum(promotion.lost_to_kill for promotion in self.promotions)

    @property
    def problems(self) -> Sequence[str]:
        """Empty where the demo has shown what it is to show."""
        found = [promotion.problem for promotion in self.promotions if promotion.problem]
        meanwhile = sum(promotion.lost for promotion in self.promotions)
        if between := self.lost - self.lost_to_kill - meanwhile:
            found.append(f"{between} requests were lost between the promotions")
        if self.lost > self.lost_to_kill and self.lost_because:
            told = "; ".join(f"{often} × {why}" for why, often in self.lost_because.items())
            found.append(f"of all that were lost: {told}")
        if self.refused:
            found.append(f"the gateway refused {self.refused} requests")
        return found


FACTS = TypeAdapter(Facts)


def write(facts: Facts, path: Path) -> None:
    path.write_bytes(FACTS.dump_json(facts, indent=1) + b"\n")
