"""E-processes: evidence that may be looked at after every window without spending its error rate.

Each `*_factors` function returns, per alternative, the logarithm of a factor whose expectation is
at most 1 while its null hypothesis holds. Products of such factors, and averages of the products,
stay below 1/α for ever with probability 1 - α (Ville 1939). Sources: split, Lindon & Malek
2011.03567; mean, Waudby-Smith & Ramdas 2010.09686; rank, Koning 2310.01153; restarts, a mixture
as in Shin, Ramdas & Rinaldo 2203.03532; averages over gates, Vovk & Wang 1912.06116.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, inf, log, log1p
from typing import TypeAlias

Logs: TypeAlias = tuple[float, ...]
"""One logarithm per alternative; empty before the first window."""

RATIOS = (1.5, 3.0, 6.0, 15.0, 60.0)
"""Odds of the canary over what its null allows, when compared with stable."""
EXCESSES = (1.5, 2.5, 5.0, 12.0, 50.0)
"""Odds of the canary over its limit."""
STAKES = (0.03, 0.1, 0.25, 0.5, 0.8)
"""Parts of the capital put on a mean above its limit."""
SHARPNESS = (0.5, 1.0, 2.0, 4.0)
"""How strongly a high rank among pods counts."""
PAIR_SHARES = (0.6, 0.7, 0.8, 0.9, 0.97)
"""Share of discordant pairs in which the canary is the worse one."""
SAFE_PARTS = (0.02, 0.1, 0.3, 0.6)
"""Parts of the margin a safe canary may have."""


def log_sum(values: Sequence[float]) -> float:
    top = max(values)
    if top == -inf:
        return top
    return top + log(sum(exp(value - top) for value in values))


def log_mean(values: Sequence[float]) -> float:
    return log_sum(values) - log(len(values))


def odds_times(share: float, ratio: float) -> float:
    """The share whose odds are `ratio` times those of `share`."""
    return ratio * share / (ratio * share + 1 - share)


def restarted(logs: Logs, clock: int, factors: Sequence[float]) -> Logs:
    """Multiplies one window in. Harm may begin in any window k, with prior 1/(k(k+1))."""
    if not logs:
        begun = log(clock / (clock + 1))
        return tuple(begun + factor for factor in factors)
    start = -log(clock * (clock + 1))
    grown = []
    for value, factor in zip(logs, factors, strict=True):
        high, low = (value, start) if value > start else (start, value)
        grown.append(high + log1p(exp(low - high)) + factor)
    return tuple(grown)


def log_value(logs: Logs, clock: int) -> float:
    """The mixture over alternatives and starts, those not yet begun included."""
    if not logs:
        return 0.0
    return log_sum((log_mean(logs), -log(clock + 1)))


def split_factors(
    canary: tuple[int, int], stable: tuple[int, int], tolerance: float, dispersion: float
) -> Logs:
    """Null: the odds of a bad request are at most `tolerance` times stable's.

    Only how the bad requests of a window split between the arms counts, so weights, time of day
    and shocks that hit both arms cancel out.
    """
    (requests, bad), (stable_requests, stable_bad) = canary, stable
    if not requests or not stable_requests or not bad + stable_bad:
        return (0.0,) * len(RATIOS)
    share = requests / (requests + stable_requests)
    allowed = odds_times(share, tolerance)
    factors = []
    for ratio in RATIOS:
        likely = odds_times(allowed, ratio)
        gain = bad * log(likely / allowed) + stable_bad * log((1 - likely) / (1 - allowed))
        factors.append(gain / dispersion)
    return tuple(factors)


def limit_factors(canary: tuple[int, int], limit: float, dispersion: float) -> Logs:
    """Null: the share of bad requests is at most `limit`."""
    requests, bad = canary
    factors = []
    for excess in EXCESSES:
        share = odds_times(limit, excess)
        gain = bad * log(share / limit) + (requests - bad) * log((1 - share) / (1 - limit))
        factors.append(gain / dispersion)
    return tuple(factors)


def mean_factors(value: float | None, limit: float, lowest: float = 0.0) -> Logs:
    """Null: a quantity in [lowest, 1] has a mean of at most `limit`, however its parts clump."""
    if value is None:
        return (0.0,) * len(STAKES)
    return tuple(log1p(stake / (limit - lowest) * (value - limit)) for stake in STAKES)


def pair_factors(worse: int, discordant: int) -> Logs:
    """Null: in a discordant pair either side is equally likely to be the worse one."""
    return tuple(
        worse * log(share / 0.5) + (discordant - worse) * log((1 - share) / 0.5)
        for share in PAIR_SHARES
    )


def rank_factors(canary: Sequence[float], stable: Sequence[float]) -> Logs:
    """Null: a pod of the canary is exchangeable with the pods of stable.

    Holds for any distribution and for shocks shared by all pods. Several pods of the canary are
    averaged.
    """
    factors = []
    scores = [log(value + 0.5) for value in canary]
    others = [log(value + 0.5) for value in stable]
    for sharp in SHARPNESS:
        rest = log_sum([sharp * other for other in others])
        ranks = [sharp * own - log_sum((rest, sharp * own)) for own in scores]
        factors.append(log_mean(ranks) + log(len(others) + 1))
    return tuple(factors)


def safety(requests: int, bad: int, margin: float, dispersion: float) -> float:
    """Log evidence against "the share of bad requests is at least `margin`"."""
    gains = [
        bad * log(part) + (requests - bad) * log((1 - part * margin) / (1 - margin))
        for part in SAFE_PARTS
    ]
    return log_mean([gain / dispersion for gain in gains])


def requests_to_go(
    requests: int, bad: int, margin: float, dispersion: float, goal: float
) -> int | None:
    """About how many more requests `safety` needs to reach `goal` (a logarithm).

    None when more requests as good as those seen would not get it there.
    """
    lacking = goal - safety(requests, bad, margin, dispersion)
    if lacking <= 0:
        return 0
    share = bad / requests if requests else 0.0
    growth = max(
        share * log(part) + (1 - share) * log((1 - part * margin) / (1 - margin))
        for part in SAFE_PARTS
    )
    return ceil(lacking * dispersion / growth) if growth > 0 else None
