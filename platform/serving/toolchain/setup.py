"""Set up what a group of make targets needs; independent steps run side by side."""

from __future__ import annotations

from serving.toolchain import cache
from serving.toolchain.programs import PROGRAMS, locate, on_path
from serving.toolchain.progress import Progress
from serving.toolchain.tool import Tool

GROUPS = {"live": ("tritonserver", "envoy")}


def obtain(name: str, progress: Progress) -> Tool:
    recipe = PROGRAMS[name].recipe
    if not on_path(recipe.name):
        cache.ensure(recipe, progress, lambda other: obtain(other, progress))
    return locate(name)
