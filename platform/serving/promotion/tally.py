"""Who is compared, and what observing them remembers from one window to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from serving.contract.model import ModelContract
from serving.promotion.preconditions import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who is compared."""

    contract: ModelContract
    """Of the canary, as it was published."""
    canary: int
    stable: int | None
    """None on a first release."""
    stable_contract: ModelContract | None = None
    """None where it promises what the canary does."""
    mirrored: bool = False
    """The canary gets nothing but mirrored requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What observing remembers between two windows; goes to the journal."""

    until: float | None = None
    """The end of the last window, by Prometheus' clock."""
    weight: int = 0
    share_from: float = 0.0
    """Requests before it belong to the weight before."""
    canary: int = 0
    stable: int = 0
    """Requests of the arms since then."""
    accounts: Mapping[str, Account] = field(default_factory=dict)
    """By arm; begun again after a gap or a restart."""

    def at(self, weight: int, changed_by: float) -> Self:
        if weight == self.weight:
            return self
        return replace(self, weight=weight, share_from=changed_by, canary=0, stable=0)

    def to_json(self) -> dict[str, Any]:
        return {
            "until": self.until,
            "weight": self.weight,
            "share_from": self.share_from,
            "canary": self.canary,
            "stable": self.stable,
            "accounts": {arm: account.to_json() for arm, account in self.accounts.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        accounts = {arm: Account(**account) for arm, account in data["accounts"].items()}
        return cls(**{**data, "accounts": accounts})
