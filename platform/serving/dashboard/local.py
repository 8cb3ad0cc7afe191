"""The page's sources where the stack is processes of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from serving.contract.model import ModelContract
from serving.dashboard.source import Sources
from serving.local.project import Project, project_of
from serving.promotion.lease import is_held
from serving.promotion.lease_store import lease_at
from serving.stacks.local.place import Place
from serving.stacks.local.prometheus import SCRAPE_SECONDS
from serving.stacks.local.status import addresses, processes

CONTRACTS_SECONDS: Final = 30.0
"""Only people change them: it does for so long to have read them once."""


def sources_of(place: Place) -> Sources:
    """Raises InputError where the stack was never brought up."""
    return Sources(
        stack=place.name,
        prometheus=addresses(place).prometheus,
        scrape_seconds=SCRAPE_SECONDS,
        journals=place.promotions,
        contracts=_remembered(project_of(place)),
        processes=lambda: processes(place),
        held=lambda model: is_held(lease_at(str(place.leases / model))),
    )


def _remembered(project: Project) -> Callable[[], Mapping[str, ModelContract]]:
    known: dict[str, ModelContract] = {}
    read_at = -CONTRACTS_SECONDS

    def contracts() -> Mapping[str, ModelContract]:
        nonlocal known, read_at
        if time.monotonic() - read_at >= CONTRACTS_SECONDS:
            known = dict(project.catalog().models)
            read_at = time.monotonic()
        return known

    return contracts
