"""A program that is ready to run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from serving.errors import ServingError


class ToolMissing(ServingError):
    """A program is not set up; the message names the make target that does it."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    name: str
    version: str
    path: Path
    origin: str
    """`PATH`, or where the program in the cache was had from."""
    built: datetime | None = None
    """When it came into the cache."""
    args: tuple[str, ...] = ()
    """What every start of it needs on its command line."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What every start of it needs in its environment, on top of the caller's."""

    def command(self, *args: str) -> list[str]:
        return [str(self.path), *self.args, *args]

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.env}
