"""Programs built from Go modules: no compiler but Go's own, nothing written outside the build."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from serving.errors import ServingError
from serving.toolchain.recipe import CHECKOUT, Workshop


@dataclass(frozen=True, kw_only=True)
class Module:
    """A folder with a go.mod whose `tool` lines name the programs."""

    folder: str
    path: str
    """The required module that the programs come from; its version is theirs."""
    variable: str
    """Where the linker puts the version, and what; only a release build of its makers has it."""

    @property
    def files(self) -> tuple[str, ...]:
        return f"{self.folder}/go.mod", f"{self.folder}/go.sum"

    @property
    def version(self) -> str:
        return required(self.folder, self.path)


def required(folder: str, path: str) -> str:
    """The version of a module in a folder's go.mod."""
    text = (CHECKOUT / folder / "go.mod").read_text()
    found = re.search(rf"^(?:require|\t)\s*{re.escape(path)} v(\S+)", text, re.MULTILINE)
    if found is None:
        raise ServingError(f"{folder}/go.mod: expected a line that requires {path}")
    return found[1]


def build(shop: Workshop, module: Module, into: Path) -> None:
    linked = f"-s -w -X {module.variable.format(version=module.version)}"
    _go(shop, module.folder, "build", "-o", f"{into}/", "-ldflags", linked, "tool")


def unpack(shop: Workshop, folder: str, path: str) -> Path:
    """A required module, for the files in it that are not Go."""
    _go(shop, folder, "mod", "download", path)
    return shop.folder / "go" / "modules" / f"{path}@v{required(folder, path)}"


def clean(shop: Workshop) -> None:
    """What was downloaded and compiled is ten times what is kept."""
    shutil.rmtree(shop.folder / "go")


def _go(shop: Workshop, folder: str, *args: str) -> None:
    environment = {
        "CGO_ENABLED": "0",
        "GOCACHE": str(shop.folder / "go" / "compiled"),
        "GOFLAGS": "-mod=readonly -modcacherw -trimpath -buildvcs=false",
        "GOMODCACHE": str(shop.folder / "go" / "modules"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    shop.run(*shop.obtain("go").command(*args), cwd=CHECKOUT / folder, env=environment)
