"""Exact binomial intervals, and how much more counts scatter than independent requests would."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, lgamma, log, log1p


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval of a share."""
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _beta_quantile(tail, hits, trials - hits + 1)
    high = 1.0 if hits == trials else _beta_quantile(1 - tail, hits + 1, trials - hits)
    return low, high


def upper_bound(hits: int, trials: int, confidence: float = 0.95) -> float:
    """The share that is not exceeded with this confidence."""
    return 1.0 if hits >= trials else _beta_quantile(confidence, hits + 1, trials - hits)


def split_dispersion(windows: Iterable[tuple[int, int, int, int]]) -> float:
    """How much bad requests cluster on one arm of an A/A split; 1 when they are independent.

    A window is requests and bad requests of one pseudo-arm, then of the other. Never below 1.
    """
    scatter = expected = 0.0
    for requests, bad, other_requests, other_bad in windows:
        total, together = requests + other_requests, bad + other_bad
        if not requests or not other_requests or not together:
            continue
        share = requests / total
        scatter += (bad - together * share) ** 2
        expected += together * share * (1 - share) * (total - together) / max(total - 1, 1)
    return max(1.0, scatter / expected) if expected else 1.0


def beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function: P(Beta(a, b) ≤ x)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(x, a, b) / a
    return 1 - front * _continued_fraction(1 - x, b, a) / b


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Lentz's method (Numerical Recipes, 6.4)."""
    tiny = 1e-300
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    result = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _away_from_zero(1 + step * d, tiny)
            c = _away_from_zero(1 + step / c, tiny)
            result *= c * d
        if abs(c * d - 1) < 1e-14:
            return result
    raise ArithmeticError(f"no convergence for x={x}, a={a}, b={b}")


def _away_from_zero(value: float, tiny: float) -> float:
    return tiny if abs(value) < tiny else value


def _beta_quantile(probability: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if beta_share(middle, a, b) < probability:
            low = middle
        else:
            high = middle
