"""The data plane as a promotion sees it: which version gets which share of the requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from serving.settings import Release


class Route(Protocol):
    def shares(self, model: str) -> Mapping[int, int]:
        """Percent by version, as in force; versions without a share are left out."""
        ...

    def change(self, model: str, shares: Mapping[int, int]) -> None:
        """Past the stack: for a rollback that cannot wait for it."""
        ...

    def drain(self, model: str, version: int, seconds: float) -> None:
        """Waits until no request goes to the version and none is in flight.

        By the proxy's own counters. Raises ServingError after `seconds`.
        """
        ...


def shares_of(release: Release) -> Mapping[int, int]:
    shares = {release.stable: 100 - release.weight, release.canary: release.weight}
    if release.stable is None:
        return {}
    return {version: share for version, share in shares.items() if version is not None and share}
