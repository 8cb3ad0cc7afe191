"""What every stack says."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from serving.contract.fields import Name, Percent, Section
from serving.contract.model import Environment


class Release(Section):
    """Which versions of a model take traffic. Written by the promotion."""

    stable: Annotated[int, Field(ge=1)] | None = None
    """None until a first release has passed its tests."""
    canary: Annotated[int, Field(ge=1)] | None = None
    weight: Percent = 0
    """The canary's share of the traffic."""
    previous: Annotated[int, Field(ge=1)] | None = None
    """The last stable version, kept warm."""
    revision: Annotated[int, Field(ge=0)] = 0
    """Rises with every change; a table with a lower one is stale."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.stable is None and (self.canary is None or self.weight or self.previous):
            raise ValueError(
                "expected a stable version, or a first canary alone and without weight"
            )
        if self.weight and self.canary is None:
            raise ValueError("expected a weight only where there is a canary")
        named = [each for each in (self.stable, self.canary, self.previous) if each is not None]
        if len(set(named)) != len(named):
            raise ValueError("expected stable, canary and previous to be different versions")
        return self


class Settings(Section):
    environment: Environment
    catalog: str | None = None
    """The folder with `models/` and `tenants/`; the checkout's `platform/` unless named."""
    policy_packs: tuple[str, ...] = ()
    """Folders of CrossGuard packs; every update that a promotion makes runs under them."""
    releases: dict[Name, Release] = Field(default_factory=dict)
    """Which versions of a model take traffic. On local stacks only the promotion writes here; on
    AWS people do, and raise `revision`."""
