"""The decision rules of Argo Rollouts and Flagger, with canary-only queries, instant weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.promotion.policy import Policy

ARGO_RETRY_SECONDS = 10
ARGO_ERROR_LIMIT = 4


class Argo(Policy):
    """An AnalysisRun beside the steps: one more failure than the limit aborts.

    A measurement that errors is retried every 10 s; the fifth error in a row aborts.
    """

    def __init__(
        self,
        runs: int,
        *,
        steps: Sequence[float],
        step_seconds: int,
        interval: int,
        windows: int,
        success: float,
        failure_limit: int,
        first: int,
        empty_passes: bool,
        relative: bool = False,
    ) -> None:
        super().__init__(runs, steps[0])
        self.steps, self.step_seconds, self.interval = steps, step_seconds, interval
        self.windows, self.success, self.failure_limit = windows, success, failure_limit
        self.first, self.empty_passes, self.relative = first, empty_passes, relative
        self.failures = np.zeros(runs, dtype=np.int64)
        self.errors_since: int | None = None

    def due(self, seconds: int) -> bool:
        return seconds >= self.first and (seconds - self.first) % self.interval == 0

    def tick(self, seconds: int, can_see: bool) -> None:
        if can_see:
            owed = self.errors_since is not None
            self.errors_since = None
            if owed or self.due(seconds):
                self.measure(seconds)
        elif self.errors_since is not None or self.due(seconds):
            self.errors_since = seconds if self.errors_since is None else self.errors_since
            if seconds - self.errors_since >= ARGO_ERROR_LIMIT * ARGO_RETRY_SECONDS:
                self.roll_back(self.active, seconds)
        self.move(seconds)

    def measure(self, seconds: int) -> None:
        canary, stable = self.last(self.windows)
        with np.errstate(invalid="ignore"):
            passed = canary > stable - 0.01 if self.relative else canary >= self.success
        empty = np.isnan(canary) | (np.isnan(stable) if self.relative else False)
        passed = np.where(empty, self.empty_passes, passed)
        self.failures += ~passed
        self.roll_back(self.failures > self.failure_limit, seconds)

    def move(self, seconds: int) -> None:
        step = seconds // self.step_seconds
        if step >= len(self.steps):
            self.promote(self.active, seconds)
        else:
            self.set_weight(self.steps[step])


class ArgoInline(Argo):
    """Each step pauses for 5 minutes, then an analysis measures five times, a minute apart."""

    def due(self, seconds: int) -> bool:
        within = (seconds - 1) % self.step_seconds + 1
        return within >= 300 and (within - 300) % self.interval == 0


class Flagger(Policy):
    """Checks and steps share one interval; failed checks are counted and never forgotten."""

    def __init__(
        self, runs: int, *, threshold: int, steps: Sequence[float], windows: int = 4
    ) -> None:
        super().__init__(runs, 0.0)
        self.threshold, self.steps, self.windows = threshold, steps, windows
        self.failed = np.zeros(runs, dtype=np.int64)
        self.step = np.full(runs, -1)

    def tick(self, seconds: int, can_see: bool) -> None:
        if seconds % 60 and seconds != 15:
            return
        if seconds == 15:  # the first tick sets the weight unchecked
            self.step[:] = 0
            self.weights[:] = self.steps[0]
            return
        done = self.active & (self.step == len(self.steps))
        self.promote(done, seconds)
        self.roll_back(self.failed >= self.threshold, seconds)
        canary, _ = self.last(self.windows)
        with np.errstate(invalid="ignore"):
            passed = (canary >= 0.99) & can_see
        going = self.active
        self.failed[going & ~passed] += 1
        self.step[going & passed] += 1
        within = going & passed & (self.step < len(self.steps))
        self.weights[within] = np.array(self.steps)[self.step[within]]


STEPS = (0.05, 0.1, 0.25, 0.5)


def argo_tuned(
    runs: int, success: float = 0.99, failure_limit: int = 2, *, relative: bool = False
) -> Argo:
    return Argo(
        runs,
        steps=STEPS,
        step_seconds=300,
        interval=60,
        windows=20,
        success=success,
        failure_limit=failure_limit,
        first=60,
        empty_passes=True,
        relative=relative,
    )


def argo_documented(runs: int) -> Argo:
    return Argo(
        runs,
        steps=(0.2, 0.4, 0.6, 0.8),
        step_seconds=600,
        interval=300,
        windows=1,
        success=0.95,
        failure_limit=3,
        first=600,
        empty_passes=False,
    )


def argo_inline(runs: int) -> Argo:
    return ArgoInline(
        runs,
        steps=(0.2, 0.4, 0.6, 0.8),
        step_seconds=540,
        interval=60,
        windows=1,
        success=0.95,
        failure_limit=0,
        first=300,
        empty_passes=False,
    )


RIVALS: dict[str, Callable[[int], Policy]] = {
    "Argo documented": argo_documented,
    "Argo inline": argo_inline,
    "Argo tuned": argo_tuned,
    "Argo relative": lambda runs: argo_tuned(runs, relative=True),
    "Flagger 5": lambda runs: Flagger(runs, threshold=5, steps=(0.1, 0.2, 0.3, 0.4, 0.5)),
    "Flagger 1": lambda runs: Flagger(runs, threshold=1, steps=(0.1, 0.2, 0.3, 0.4, 0.5)),
    "Flagger tuned": lambda runs: Flagger(runs, threshold=3, steps=STEPS, windows=20),
}
