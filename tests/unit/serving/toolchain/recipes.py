"""Small real builds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from serving.toolchain.recipe import Built, Recipe, Workshop
from serving.toolchain.tool import Tool


def shell(script: str, *, name: str = "thing", files: Sequence[Path] = ()) -> Recipe:
    """A recipe whose build is a shell script that runs in the folder it fills."""

    def build(shop: Workshop) -> Built:
        shop.run("/bin/sh", "-euc", script)
        return Built("a script", {name: "1.0"})

    return Recipe(
        name=name,
        doing="running a script",
        usual="1 s",
        files=tuple(map(str, files)),
        build=build,
    )


def nothing(name: str) -> Tool:
    raise AssertionError(f"this build needs no {name}")
