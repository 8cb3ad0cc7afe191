"""What every gate is: one question put to the windows, with a memory that does not grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self, TypeAlias

from serving.promotion.evidence import Logs
from serving.promotion.measurement import Window

Witnesses: TypeAlias = Literal["split", "minimum", "average"]
"""What speaks for "worse than stable": the split of bad requests between the arms alone, or with
the ranks of the pods, as the smaller of both or as their average."""

UNCALIBRATED_DISPERSION = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How evidence is weighed; learnt by calibration."""

    dispersion: Mapping[str, float] = field(default_factory=dict)
    """By gate: variance of counts over that of independent requests, at least 1."""
    tolerance: float = 1.5
    """Odds of a bad request, canary over stable, that are still no harm."""
    witnesses: Witnesses = "minimum"
    stable_degraded: bool = False
    """Stable is known to be sick: the canary need only be no worse."""
    seed: str = ""
    """Of the random draws; from the journal, so that replay repeats them."""

    def __post_init__(self) -> None:
        if self.tolerance < 1:
            raise ValueError(f"tolerance must be at least 1, got {self.tolerance}")
        for gate, value in self.dispersion.items():
            if value < 1:
                raise ValueError(f"dispersion of {gate} must be at least 1, got {value}")

    def dispersion_of(self, gate: str) -> float:
        return self.dispersion.get(gate, UNCALIBRATED_DISPERSION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The clock that all gates share."""

    index: int
    """Windows judged so far, this one included."""
    settled: bool = True
    """The warm-up after the last increase of the weight is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    evidence: Mapping[str, Logs] = field(default_factory=dict)
    requests: int = 0
    """Of the canary at this step, while stable was well."""
    bad: int = 0
    series: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "evidence": {name: list(logs) for name, logs in self.evidence.items()},
            "requests": self.requests,
            "bad": self.bad,
            "series": {name: list(values) for name, values in self.series.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            evidence={name: tuple(logs) for name, logs in data["evidence"].items()},
            requests=data["requests"],
            bad=data["bad"],
            series={name: tuple(values) for name, values in data["series"].items()},
        )

    def at_new_step(self) -> Self:
        series = {name: values for name, values in self.series.items() if name != "suspicion"}
        return replace(self, requests=0, bad=0, series=series)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one gate has to say after a window."""

    gate: str
    harm: float = 0.0
    """Log evidence that the canary is worse than stable and over its limit."""
    suspicion: float = 0.0
    """Log of recent signs, at this weight and while stable was well, that it is over its limit:
    no accusation, but a reason to go where the arms compare better."""
    safe: float | None = None
    """Log evidence that the canary is below this step's margin; None: the gate has no say."""
    needs: int = 0
    """About how many more requests until `safe` suffices; 0: none, or none that would settle it."""
    guard: str = ""
    """Why to roll back at once, whatever the statistics: a policy, not a test."""
    step_back: str = ""
    """Why to lower the weight by a step."""
    ask: str = ""
    block: str = ""
    """Why the weight must not rise."""
    note: str = ""


class Gate(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def null(self) -> str:
        """The hypothesis that evidence of harm speaks against, in one sentence."""
        ...

    @property
    def source(self) -> str:
        """Where its data come from."""
        ...

    @property
    def budget(self) -> float:
        """Its part of the promotion's false-rollback rate; 0 where no test of it rolls back."""
        ...

    def update(self, memory: Memory, window: Window, tick: Tick) -> Memory: ...

    def finding(self, memory: Memory, tick: Tick, margin: float, goal: float) -> Finding:
        """`goal`: the log evidence of safety that a step asks for."""
        ...
