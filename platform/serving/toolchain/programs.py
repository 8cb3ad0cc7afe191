"""Every program, and where it is once it is had."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.toolchain import cache, chromium, pulumi, recipes, triton
from serving.toolchain.environment import PROJECT
from serving.toolchain.recipe import Recipe
from serving.toolchain.tool import Tool, ToolMissing
from serving.toolchain.version import ask, numbers

PATH = "PATH"


@dataclass(frozen=True, kw_only=True)
class Program:
    name: str
    recipe: Recipe
    at: Path | str
    """In the folder that the recipe makes."""
    floor: tuple[int, ...] | None = None
    """PATH's is taken from this version on; None: never. Programs of one recipe come together."""
    asks: str | None = "--version"
    """Makes it tell its version; None: it cannot."""
    proof: Callable[[Path], str] | None = None
    """A better test than asking: starts it from the recipe's folder, returns its version."""
    args: Callable[[Path], tuple[str, ...]] = lambda folder: ()
    env: Callable[[Path], Mapping[str, str]] = lambda folder: {}

    def told(self, folder: Path) -> str | None:
        """What the program in a recipe's folder says its version is."""
        if self.proof:
            return self.proof(folder)
        return ask(folder / self.at, self.asks) if self.asks else None


PROGRAMS = (
    Program(name="uv", recipe=recipes.UV, at="bin/uv", floor=(0, 8)),
    Program(name="go", recipe=recipes.GO, at="go/bin/go", floor=(1, 26), asks="version"),
    Program(
        name="pulumi",
        recipe=recipes.PULUMI,
        at=pulumi.ENGINE_AT,
        floor=(3, 259),
        asks="version",
    ),
    Program(
        name="pulumi-language-python",
        recipe=recipes.PULUMI,
        at=pulumi.LANGUAGE_HOST_AT,
        floor=(3, 259),
        asks=None,
    ),
    Program(
        name="tritonserver",
        recipe=recipes.TRITON,
        at=triton.SERVER,
        asks=None,
        proof=triton.probe,
        args=lambda folder: (f"--backend-directory={folder / triton.BACKENDS}",),
        env=triton.search_path,
    ),
    Program(name="triton-python", recipe=recipes.TRITON, at=triton.PYTHON),
    Program(name="envoy", recipe=recipes.ENVOY, at="envoy/_bin/envoy"),
    Program(name="prometheus", recipe=recipes.PROMETHEUS, at="bin/prometheus", floor=(2, 31)),
    Program(name="promtool", recipe=recipes.PROMETHEUS, at="bin/promtool", floor=(2, 31)),
    Program(name="mlflow", recipe=recipes.MLFLOW, at="python/bin/mlflow"),
    Program(
        name="chromium",
        recipe=recipes.CHROMIUM,
        at=chromium.BROWSER,
        floor=(120,),
        proof=chromium.probe,
        env=chromium.environment,
    ),
    Program(name="actionlint", recipe=recipes.ACTIONLINT, at="bin/actionlint", floor=(1, 7)),
)


def named(name: str) -> Program:
    return next(program for program in PROGRAMS if program.name == name)


def locate(name: str) -> Tool:
    """PATH's if it is recent enough, else the one in the cache; never builds."""
    program = named(name)
    tool = on_path(program.recipe.name).get(name) or _cached(program)
    if tool is None:
        raise ToolMissing(f"{name} is not set up in {cache.home()}: run `make setup`, then repeat")
    return tool


@functools.cache
def on_path(recipe: str) -> Mapping[str, Tool]:
    """All programs of a recipe, when PATH has them all in a version that will do."""
    found: dict[str, Tool] = {}
    version: str | None = None
    for program in PROGRAMS:
        if program.recipe.name != recipe:
            continue
        path = which(program.name)
        if program.floor is None or path is None:
            return {}
        if program.asks:
            version = ask(Path(path), program.asks)
        if version is None or numbers(version) < program.floor:
            return {}
        found[program.name] = Tool(name=program.name, version=version, path=Path(path), origin=PATH)
    return found


def which(name: str) -> str | None:
    """PATH's, but not what set-up itself has put into the checkout's environment."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    others = [folder for folder in folders if folder != str(PROJECT.binaries)]
    return shutil.which(name, path=os.pathsep.join(others))


def _cached(program: Program) -> Tool | None:
    entry = cache.find(program.recipe)
    if entry is None:
        return None
    return Tool(
        name=program.name,
        version=entry.versions[program.name],
        path=entry.folder / program.at,
        origin=entry.origin,
        built=entry.built,
        args=program.args(entry.folder),
        env=program.env(entry.folder),
    )
