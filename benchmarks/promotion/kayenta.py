"""Kayenta's judge, asked every five minutes about all minutes so far.

One metric, the share of errors by minute; Mann–Whitney at 98 %, tolerance 0.25 of the
Hodges–Lehmann estimate, direction increase; a fail scores 0, which is below any marginal
threshold. Written from MannWhitneyClassifier and MannWhitney of spinnaker/kayenta.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from benchmarks.promotion.policy import Policy
from benchmarks.promotion.rivals import STEPS
from benchmarks.promotion.traffic import Floats

CONFIDENCE = 0.98
TOLERANCE = 0.25
MINUTE_WINDOWS = 4
JUDGE_SECONDS = 300


def classify(control: Floats, experiment: Floats) -> str:
    """`nodata`, `pass` or `high`."""
    control, experiment = control[~np.isnan(control)], experiment[~np.isnan(experiment)]
    if not len(control) or not len(experiment):
        return "nodata"
    if np.array_equal(np.sort(control), np.sort(experiment)):
        return "pass"
    if len(np.unique(np.concatenate((control, experiment)))) == 1:
        return "pass"
    quantile = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2)
    if len(np.unique(control)) == len(np.unique(experiment)) == 1:
        return "high" if experiment[0] > control[0] else "pass"
    if standardised(experiment, control) <= quantile:  # the lower bound is not above zero
        return "pass"
    lower = shift(experiment, control, quantile)
    estimate = shift(experiment, control, 0.0)
    return "high" if lower > TOLERANCE * abs(estimate) else "pass"


def shift(x: Floats, y: Floats, quantile: float) -> float:
    """How far x may be moved down until its standardised rank sum falls to `quantile`."""
    low, high = float(x.min() - y.max()), float(x.max() - y.min())
    if standardised(x - low, y) <= quantile:
        return low
    if standardised(x - high, y) >= quantile:
        return high
    while high - low > 1e-4:
        middle = (low + high) / 2
        if standardised(x - middle, y) > quantile:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def standardised(x: Floats, y: Floats) -> float:
    """Wilcoxon's statistic with ties averaged and continuity corrected, as in R."""
    values, inverse, counts = np.unique(
        np.concatenate((x, y)), return_inverse=True, return_counts=True
    )
    ranks = np.cumsum(counts) - (counts - 1) / 2
    m, n = len(x), len(y)
    centred = ranks[inverse[:m]].sum() - m * (m + 1) / 2 - m * n / 2
    ties = (counts.astype(float) ** 3 - counts).sum() / ((m + n) * (m + n - 1))
    spread = float(np.sqrt(m * n / 12 * (m + n + 1 - ties)))
    if not spread or len(values) == 1:
        raise ValueError("all observations are tied")
    return float(centred - 0.5 * np.sign(centred)) / spread


class Kayenta(Policy):
    """Moves traffic as the tuned Argo template does; the judge decides whether it goes on."""

    def __init__(self, runs: int) -> None:
        super().__init__(runs, STEPS[0])
        self.minutes: list[tuple[Floats, Floats]] = []

    def tick(self, seconds: int, can_see: bool) -> None:
        if seconds % 60 == 0:
            canary, stable = self.last(MINUTE_WINDOWS)
            self.minutes.append((1 - canary, 1 - stable))
        if seconds % JUDGE_SECONDS:
            return
        if not can_see:  # the stage fails when the metrics cannot be had
            self.roll_back(self.active, seconds)
        failed = np.zeros(len(self.weights), dtype=bool)
        for run in np.flatnonzero(self.active):
            experiment = np.array([canary[run] for canary, _ in self.minutes])
            control = np.array([stable[run] for _, stable in self.minutes])
            failed[run] = classify(control, experiment) == "high"
        self.roll_back(failed, seconds)
        step = seconds // JUDGE_SECONDS
        if step >= len(STEPS):
            self.promote(self.active, seconds)
        else:
            self.set_weight(STEPS[step])
