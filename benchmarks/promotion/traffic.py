"""Seeded traffic, many runs side by side: Poisson arrivals, errors that may cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.promotion.scenario import MINUTE, Scenario

SECONDS = 15
STABLE_PODS = 10
CANARY_PODS = ((0.05, 1), (0.1, 1), (0.25, 3), (0.5, 5), (1.0, 9))
"""Up to this weight, so many pods."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Seen:
    """One window of every run, a row each; a column per pod, empty pods last."""

    canary: Ints
    canary_bad: Ints
    stable: Ints
    stable_bad: Ints
    pods: Ints
    """Of the canary."""


class Traffic:
    def __init__(self, scenario: Scenario, runs: int, seed: int, *, by_pod: bool) -> None:
        self.scenario, self.runs = scenario, runs
        self.rng = np.random.default_rng(seed)
        self.by_pod = by_pod or bool(scenario.spread) or bool(scenario.icc)
        stable_pods, canary_pods = (STABLE_PODS, CANARY_PODS[-1][1]) if self.by_pod else (1, 1)
        self.factors = (
            self._factors(canary_pods),
            self._factors(stable_pods),
        )

    def _factors(self, pods: int) -> Floats:
        return np.exp(self.scenario.spread * self.rng.standard_normal((self.runs, pods)))

    def rates(self, window: int) -> tuple[float, float]:
        """Error shares of canary and stable."""
        scenario, minute = self.scenario, window / MINUTE
        if scenario.shock and scenario.shock[1] <= minute < scenario.shock[2]:
            return scenario.shock[0], scenario.shock[0]
        worse = scenario.canary is not None and minute >= scenario.onset
        return (scenario.canary or 0.0) if worse else scenario.stable, scenario.stable

    def blind(self, window: int) -> bool:
        outage = self.scenario.outage
        return outage is not None and outage[0] <= window / MINUTE < outage[1]

    def window(self, index: int, weights: Floats) -> Seen:
        canary_rate, stable_rate = self.rates(index)
        arrivals = self.scenario.rps * SECONDS
        pods = np.ones(self.runs, dtype=np.int64)
        if self.by_pod:
            pods = np.array([n for _, n in CANARY_PODS])[
                np.searchsorted([w for w, _ in CANARY_PODS], weights)
            ]
        columns = self.factors[0].shape[1]
        used = np.arange(columns) < pods[:, None]
        canary = self.rng.poisson(np.where(used, (arrivals * weights / pods)[:, None], 0.0))
        share = arrivals * (1 - weights) / self.factors[1].shape[1]
        stable = self.rng.poisson(np.repeat(share[:, None], self.factors[1].shape[1], axis=1))
        return Seen(
            canary,
            self._bad(canary, canary_rate, self.factors[0]),
            stable,
            self._bad(stable, stable_rate, self.factors[1]),
            pods,
        )

    def _bad(self, requests: Ints, rate: float, factors: Floats) -> Ints:
        shares = np.minimum(rate * factors, 1.0)
        if self.scenario.icc:
            size = 1 / self.scenario.icc - 1
            shape = (self.runs, 1) if self.scenario.bursts == "arm" else requests.shape
            drawn = self.rng.beta(rate * size, (1 - rate) * size, shape)
            shares = np.minimum(drawn * factors, 1.0)
        return self.rng.binomial(requests, shares)
