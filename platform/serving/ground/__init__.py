"""What the promotions of a stack stand on, by the stack's target."""

from __future__ import annotations

from collections.abc import Callable

from serving.errors import InputError
from serving.ground import local
from serving.local.project import project_of
from serving.promotion.ground import Ground
from serving.settings import LocalSettings
from serving.stacks.local.place import place_of


def ground_of(stack: str, tell: Callable[[str], None] = lambda _: None) -> Ground:
    """Raises InputError where the stack is not there, or cannot be promoted on yet."""
    project = project_of(place_of(stack))
    match project.settings():
        case LocalSettings() as settings:
            return local.ground(project, settings, tell)
        case other:
            raise InputError(
                f"{project.file}: promotions do not reach stacks of target "
                f"{type(other).__name__.removesuffix('Settings').lower()} yet: set weights there "
                "by hand (docs/layers/services.md), or name a local stack with --stack"
            )
