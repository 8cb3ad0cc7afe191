"""What every policy under test is: weights for many runs, corrected after each window."""

from __future__ import annotations

import numpy as np

from benchmarks.promotion.traffic import Bools, Floats, Seen


class Policy:
    """Weights for many runs side by side, corrected after each window by a rule in `tick`."""

    def __init__(self, runs: int, first_weight: float) -> None:
        self.weights = np.full(runs, first_weight)
        """Of the canary, 0 to 1, for the next window."""
        self.rolled = np.full(runs, np.nan)
        """Minute of the rollback; NaN without one. The next two likewise."""
        self.promoted = np.full(runs, np.nan)
        self.asked = np.full(runs, np.nan)
        self.totals = [np.zeros((runs, 4), dtype=np.int64)]

    def observe(self, index: int, seen: Seen | None) -> None:
        """The window `index` has ended; None: no metrics."""
        last = self.totals[-1]
        if seen is None:
            self.totals.append(last)
        else:
            arms = (seen.canary, seen.canary_bad, seen.stable, seen.stable_bad)
            self.totals.append(last + np.stack([arm.sum(axis=1) for arm in arms], axis=1))
        self.tick((index + 1) * 15, seen is not None)

    def tick(self, seconds: int, can_see: bool) -> None:
        raise NotImplementedError

    def last(self, windows: int) -> tuple[Floats, Floats]:
        """Success shares of canary and stable over so many windows; NaN without requests."""
        now, before = self.totals[-1], self.totals[max(len(self.totals) - 1 - windows, 0)]
        requests, bad, others, other_bad = (now - before).T.astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            return 1 - bad / requests, 1 - other_bad / others

    @property
    def active(self) -> Bools:
        undecided: Bools = np.isnan(self.rolled) & np.isnan(self.promoted)
        return undecided

    def roll_back(self, which: Bools, seconds: int) -> None:
        which = which & self.active
        self.rolled[which] = seconds / 60
        self.weights[which] = 0.0

    def promote(self, which: Bools, seconds: int) -> None:
        which = which & self.active
        self.promoted[which] = seconds / 60
        self.weights[which] = 1.0

    def set_weight(self, weight: float) -> None:
        self.weights[self.active] = weight
