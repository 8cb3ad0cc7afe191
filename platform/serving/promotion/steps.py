"""The steps that a promotion is to take, and how long each is watched at least."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from serving.contract.model import Rollout

LAST_WATCH: Final = 2
"""Times as long as the other steps: what is missed there reaches everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    steps: tuple[int, ...]
    dwell_seconds: tuple[float, ...]
    """Watched at least so long at each step, however clear the evidence."""
    false_rollback: float
    false_advance: float
    armed: bool
    """Statistical gates may roll back by themselves: calibrated, or waived by somebody named."""
    first_release: bool = False
    """There is no stable version: all or nothing, after a load test against the SLO."""
    shadow: bool = False
    """Mirrored requests must show the canary safe before users reach it."""
    load_test: bool = False
    """So must a load test; each first release is tested like this."""
    watch_seconds: float = 0.0
    """At 100 %, with the version before kept warm."""

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in pairwise((0, *self.steps)))
        if not self.steps or not rising or self.steps[-1] >= 100:
            raise ValueError(f"steps must rise and stay within 1 and 99, got {self.steps}")
        if len(self.dwell_seconds) != len(self.steps):
            raise ValueError(f"{len(self.steps)} steps need as many dwell times")

    @classmethod
    def of(cls, rollout: Rollout, *, armed: bool, first_release: bool = False) -> Self:
        step = float(rollout.min_step_seconds)
        return cls(
            steps=rollout.steps,
            dwell_seconds=(*(step,) * (len(rollout.steps) - 1), step * LAST_WATCH),
            false_rollback=rollout.false_rollback,
            false_advance=rollout.false_advance,
            armed=armed,
            first_release=first_release,
            shadow=rollout.shadow_percent > 0 and not first_release,
            load_test=rollout.load_test,
            watch_seconds=step,
        )

    @property
    def loaded(self) -> bool:
        """It is tested under load before users reach it."""
        return self.load_test or self.first_release

    def dwell(self, weight: int) -> float:
        taken = sum(step <= weight for step in self.steps)
        return self.dwell_seconds[taken - 1] if taken else 0.0

    def after(self, weight: int) -> int:
        if self.first_release:
            return 100
        return next((step for step in self.steps if step > weight), 100)

    def before(self, weight: int) -> int:
        return max((step for step in self.steps if step < weight), default=0)
