"""Random draws that replay repeats: the same names give the same numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import exp, lgamma, log, log1p


def uniform(*names: object) -> float:
    """A number in (0, 1)."""
    digest = hashlib.blake2b("/".join(map(str, names)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2.0**64


def hypergeometric(population: int, marked: int, drawn: int, chance: float) -> int:
    """Marked ones among `drawn` without replacement."""
    others = population - marked
    lowest, highest = max(0, drawn - others), min(marked, drawn)
    if lowest == highest:
        return lowest
    mode = min(max((drawn + 1) * (marked + 1) // (population + 2), lowest), highest)
    mass = exp(
        _log_choose(marked, mode)
        + _log_choose(others, drawn - mode)
        - _log_choose(population, drawn)
    )  # fmt: skip

    def growth(k: int) -> float:
        return (marked - k) * (drawn - k) / ((k + 1) * (others - drawn + k + 1))

    return _outward(mode, mass, lowest, highest, growth, chance)


def binomial(trials: int, share: float, chance: float) -> int:
    """Successes among `trials`."""
    if share >= 1 or not trials:
        return trials
    mode = min(int((trials + 1) * share), trials)
    mass = exp(_log_choose(trials, mode) + mode * log(share) + (trials - mode) * log1p(-share))

    def growth(k: int) -> float:
        return (trials - k) / (k + 1) * share / (1 - share)

    return _outward(mode, mass, 0, trials, growth, chance)


def _outward(
    mode: int,
    mass: float,
    lowest: int,
    highest: int,
    growth: Callable[[int], float],
    chance: float,
) -> int:
    """Inversion from the mode outwards: as many steps as the spread, not as the count.

    `growth(k)` is the probability of k + 1 over that of k.
    """
    up, down, above, below = mode, mode, mass, mass
    chance -= mass
    while chance > 0 and (up < highest or down > lowest):
        if up < highest:
            above *= growth(up)
            up += 1
            chance -= above
            if chance <= 0:
                return up
        if down > lowest:
            down -= 1
            below /= growth(down)
            chance -= below
            if chance <= 0:
                return down
    return mode


def _log_choose(total: int, chosen: int) -> float:
    return lgamma(total + 1) - lgamma(chosen + 1) - lgamma(total - chosen + 1)
