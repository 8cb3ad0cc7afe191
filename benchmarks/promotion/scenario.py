"""The traffic a version meets: how much, how often it fails, and how failures cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

MINUTE = 4
"""Windows of 15 seconds."""
HORIZON = 60 * MINUTE


@dataclass(frozen=True, kw_only=True)
class Scenario:
    rps: float
    stable: float = 0.001
    """Share of errors."""
    canary: float | None = None
    """Likewise, from `onset` on; None: as good as stable."""
    onset: float = 0.0
    """In minutes."""
    icc: float = 0.0
    """Correlation of errors within one pod, or one arm, and one window."""
    bursts: Literal["pod", "arm"] = "pod"
    spread: float = 0.0
    """Lasting difference between pods: sd of the logarithm of their error rates."""
    shock: tuple[float, float, float] | None = None
    """Share of errors in both arms, from minute, to minute."""
    outage: tuple[float, float] | None = None
    """Minutes between which no metrics can be had."""

    @property
    def healthy(self) -> bool:
        return self.canary is None

    @property
    def environment(self) -> Scenario:
        """What calibration can know before a version is there."""
        return replace(self, canary=None, onset=0.0, shock=None, outage=None)

    def __str__(self) -> str:
        parts = [f"{self.rps:g} rps"]
        if self.canary is not None:
            late = f" from min {self.onset:g}" if self.onset else ""
            parts.append(f"{self.stable:.1%} → {self.canary:.0%}{late}")
        else:
            parts.append(f"both {self.stable:.1%}")
        if self.icc:
            parts.append(f"bursts of one {self.bursts} icc {self.icc:g}")
        if self.spread:
            parts.append(f"pods differ by {self.spread:g}")
        if self.shock:
            parts.append("{:.0%} on both, min {:g}–{:g}".format(*self.shock))
        if self.outage:
            parts.append("no metrics min {:g}–{:g}".format(*self.outage))
        return ", ".join(parts)


HEALTHY = (
    *(Scenario(rps=rps) for rps in (0.2, 2, 20, 200)),
    *(Scenario(rps=rps, stable=0.005) for rps in (2, 20, 200)),
    *(Scenario(rps=rps, stable=0.02) for rps in (2, 20, 200)),
    Scenario(rps=20, stable=0.005, icc=0.02),
    Scenario(rps=20, stable=0.02, icc=0.02),
    Scenario(rps=200, stable=0.02, icc=0.02),
    Scenario(rps=200, stable=0.02, icc=0.05),
    Scenario(rps=20, stable=0.02, icc=0.02, bursts="arm"),
    Scenario(rps=200, stable=0.02, icc=0.05, bursts="arm"),
    Scenario(rps=20, stable=0.02, spread=0.3),
    Scenario(rps=200, stable=0.02, spread=0.2, icc=0.02),
    *(Scenario(rps=20, shock=(0.08, a, b)) for a, b in ((2, 6), (11, 18))),
    *(Scenario(rps=20, outage=(a, b)) for a, b in ((1.5, 7.5), (14, 20))),
)
REGRESSIONS = (
    *(Scenario(rps=2, canary=p) for p in (0.01, 0.02, 0.05, 0.2, 0.98)),
    *(Scenario(rps=20, canary=p) for p in (0.01, 0.02, 0.05, 0.2, 0.98)),
    *(Scenario(rps=200, canary=p) for p in (0.01, 0.02, 0.05, 0.2, 0.98)),
    *(Scenario(rps=rps, stable=0.005, canary=0.05, icc=0.02) for rps in (20, 200)),
    *(Scenario(rps=20, canary=0.1, onset=onset) for onset in (4, 8, 12, 15)),
    Scenario(rps=20, canary=0.01, onset=12),
    Scenario(rps=20, canary=0.1, onset=20),
)
QUICK = (Scenario(rps=20), Scenario(rps=20, stable=0.02), Scenario(rps=200, canary=0.02))
