"""The promotions of the demo, and how each has to end."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from serving.promotion.phases import Phase
from serving.promotion.record import Outcome

MODEL: Final = "digits"
"""Whose versions are promoted."""
NEIGHBOUR: Final = "tickets"
"""Takes requests all the time, and must not notice."""

RATES: Final[Mapping[str, float]] = {MODEL: 100.0, NEIGHBOUR: 20.0}
"""Requests per second, by model."""
WAIVER: Final = "the stack is minutes old and has no history of stable to calibrate on"
"""Why statistics may roll back all the same."""

Disturbance: TypeAlias = Literal["promoter killed", "server killed"]


@dataclass(frozen=True, kw_only=True)
class Act:
    version: int
    about: str
    expected: Outcome
    catches: Set[str] = frozenset()
    """Gates, or phases of the preparation, any of which is the one that should catch it."""
    disturbance: Disturbance | None = None
    at_weight: int = 0
    """The disturbance comes once the canary has this weight."""


OPENING: Final = Act(version=1, about="the first release", expected="promoted")
SCENARIO: Final[tuple[Act, ...]] = (
    Act(
        version=2,
        about="better; its server is killed",
        expected="rolled back",
        catches={"errors"},
        disturbance="server killed",
        at_weight=10,
    ),
    Act(
        version=2,
        about="better; its promoter is killed",
        expected="promoted",
        disturbance="promoter killed",
        at_weight=50,
    ),
    Act(
        version=3,
        about="300 ms slower",
        expected="rolled back",
        catches={"p50", "p99"},
    ),
    Act(
        version=4,
        about="fails 10 % of requests",
        expected="rolled back",
        catches={"errors"},
    ),
    Act(
        version=5,
        about="wrong answers, HTTP 200",
        expected="rolled back",
        catches={"golden", str(Phase.GOLDEN)},
    ),
    Act(
        version=6,
        about="does not load",
        expected="rolled back",
        catches={str(Phase.DEPLOY), str(Phase.WARM_UP)},
    ),
)
