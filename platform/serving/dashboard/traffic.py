"""What every version of every model did of late, on one time axis that all charts share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, TypeAlias

from serving.contract.model import ModelContract, Slo
from serving.dashboard.question import ARM, ERRORS, REQUESTS, questions
from serving.promotion.increments import Raw
from serving.promotion.prometheus import Failed, Prometheus

POINTS: Final = 180
"""On a chart, about."""
FEWEST_SCRAPES: Final = 5
"""In the window of a rate."""
_FIGURES: Final = 4

Values: TypeAlias = Sequence[float | None]
"""One for each time; None where nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Model:
    slo: Slo
    tenant: str
    arms: Mapping[int, Mapping[str, Values]] = field(default_factory=dict)
    """By version and measure."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    step: int
    """Seconds between two times."""
    times: Sequence[int]
    models: Mapping[str, Model]
    problem: str = ""
    """Why there is nothing to see."""

    def document(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "times": self.times,
            "problem": self.problem,
            "models": {
                name: {
                    "slo": model.slo.model_dump(mode="json"),
                    "tenant": model.tenant,
                    "arms": model.arms,
                }
                for name, model in self.models.items()
            },
        }


def traffic(
    prometheus: Prometheus,
    contracts: Mapping[str, ModelContract],
    *,
    seconds: int,
    scrape_seconds: float,
    clock: Callable[[], float],
) -> Traffic:
    step = max(round(seconds / POINTS), 1)
    now = int(clock()) // step * step
    times = range(now - seconds // step * step, now + 1, step)
    window = f"{max(round(FEWEST_SCRAPES * scrape_seconds), 2 * step)}s"
    asked = {
        measure: f"({query})[{seconds}s:{step}s]" for measure, query in questions(window).items()
    }
    answers = prometheus.ask(list(asked.values()), now)
    failed = next((a for a in answers.values() if isinstance(a, Failed)), None)
    found: dict[str, tuple[Raw, ...]] = {}
    for measure, query in asked.items():
        answer = answers[query]
        found[measure] = () if isinstance(answer, Failed) else answer
    return Traffic(
        step=step,
        times=list(times),
        models=_models(found, contracts, times),
        problem=failed.detail if failed else "",
    )


def _models(
    found: Mapping[str, Sequence[Raw]], contracts: Mapping[str, ModelContract], times: range
) -> Mapping[str, Model]:
    """Those of the contracts, whether they have traffic or not; no others."""
    arms: dict[str, dict[int, dict[str, Values]]] = {name: {} for name in contracts}
    for measure, series in found.items():
        for raw in series:
            arm = re.fullmatch(r"(.+)-([0-9]+)", raw.labels.get(ARM, ""))
            if arm is not None and arm[1] in arms:
                versions = arms[arm[1]].setdefault(int(arm[2]), {})
                versions[measure] = _on(times, raw)
    return {
        name: Model(
            slo=contract.slo,
            tenant=contract.tenant,
            arms={version: _shares(arms[name][version]) for version in sorted(arms[name])},
        )
        for name, contract in contracts.items()
    }


def _on(times: range, raw: Raw) -> Values:
    known = {round(at): value for at, value in raw.samples}
    return [_figure(known.get(time)) for time in times]


def _shares(measures: Mapping[str, Values]) -> Mapping[str, Values]:
    """Errors as a share of the requests; without requests nothing else is known either."""
    requests = measures.get(REQUESTS, ())
    errors = measures.get(ERRORS) or [0.0] * len(requests)
    share = [
        _figure(min((wrong or 0.0) / all_, 1.0)) if all_ else None
        for wrong, all_ in zip(errors, requests, strict=True)
    ]
    shown = {
        measure: [value if asked else None for value, asked in zip(values, requests, strict=True)]
        for measure, values in measures.items()
        if len(values) == len(requests)
    }
    return {**shown, REQUESTS: requests, ERRORS: share}


def _figure(value: float | None) -> float | None:
    """As exact as a screen shows it."""
    if value is None or not isfinite(value):
        return None
    return float(f"{value:.{_FIGURES}g}")
