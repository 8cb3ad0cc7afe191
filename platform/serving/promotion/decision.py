"""The words of a decision: where a promotion stands, what is known besides metrics, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import inf
from typing import Any, Self


class Verdict(StrEnum):
    ADVANCE = "advance"
    HOLD = "hold"
    ASK = "ask"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a promotion stands. With the evidence, all that a restart needs."""

    weight: int = 0
    watched_seconds: float = 0.0
    """Judged at this weight; the clock stands still while metrics are missing."""
    held_seconds: float = 0.0
    """At this weight, judged or not."""
    blind_seconds: float = 0.0
    """Since the last usable window."""
    stepped_back: bool = False
    """By a backlog, at some time in this promotion."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's decision to go on although a gate says no."""

    who: str
    reason: str

    def __post_init__(self) -> None:
        if not self.who.strip() or not self.reason.strip():
            raise ValueError("an override needs a name and a reason; both are recorded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's consent where the engine asks, and no gate says no."""

    who: str
    reason: str
    gate: str = ""
    """That asked: it asks no more. Where none did, the consent is for one step."""

    def __post_init__(self) -> None:
        if not self.who.strip() or not self.reason.strip():
            raise ValueError("an approval needs a name and a reason; both are recorded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A person's consent to a configuration that was changed since the start."""

    who: str
    reason: str
    config: str
    """Its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known besides the metrics."""

    observed_weight: int | None = None
    """As read back from the data plane."""
    override: Override | None = None
    abort: str = ""
    """Who asked for it, and why."""
    superseded_by: int | None = None
    """A newer version that is to be promoted now."""
    failed_rollback: str = ""
    """What the last attempt to roll back ended with."""
    stack_locked_by: str = ""
    stable_capacity: float = inf
    """Requests stable's running pods can take, over all requests there are."""
    approvals: tuple[Approval, ...] = ()
    changed: str = ""
    """What became of the configuration since it was started or accepted."""
    accepted: Acceptance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    verdict: Verdict
    weight: int
    """To be set, or kept."""
    reason: str
    gate: str = ""
    break_glass: bool = False
    """Change the route directly, record first, reconcile the configuration after."""
    alert: bool = False
