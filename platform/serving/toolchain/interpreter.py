"""The Python interpreters of this machine, and one that Triton's Python backend can embed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = ((3, 11), (3, 12), (3, 13))
EMBEDDABLE = ((3, 11), (3, 12))
"""Triton has a stub for them, and numpy 1, which the stub was compiled for, has wheels."""

DESCRIBE = """
import json, sys, sysconfig
print(json.dumps([*sys.version_info[:3], sys.base_prefix, sysconfig.get_config_var("LIBDIR")]))
"""


@dataclass(frozen=True)
class Interpreter:
    version: tuple[int, int, int]
    prefix: Path
    library: Path
    """The shared library with the interpreter in it. Many Pythons come without."""

    @property
    def minor(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def path(self) -> Path:
        return self.prefix / "bin" / f"python{self.minor}"

    @property
    def dotted(self) -> str:
        return ".".join(map(str, self.version))

    def __str__(self) -> str:
        return f"Python {self.dotted} in {self.prefix}"


def running() -> Interpreter:
    """The one a virtual environment was made from, when this is one."""
    return _interpreter(*sys.version_info[:3], sys.base_prefix, sysconfig.get_config_var("LIBDIR"))


def embeddable() -> Interpreter | None:
    """One that comes with its shared library, if there is one."""
    here = running()
    if here.version[:2] in EMBEDDABLE and here.library.exists():
        return here
    found = [describe(f"python{major}.{minor}") for major, minor in reversed(EMBEDDABLE)]
    candidates = [other for other in (here, *found) if other and other.version[:2] in EMBEDDABLE]
    return max(candidates, key=lambda other: other.library.exists(), default=None)


def describe(command: str) -> Interpreter | None:
    path = shutil.which(command)
    if path is None:
        return None
    asked = subprocess.run(
        [path, "-c", DESCRIBE], capture_output=True, text=True, timeout=30, check=False
    )
    return None if asked.returncode else _interpreter(*json.loads(asked.stdout))


def _interpreter(
    major: int, minor: int, micro: int, prefix: str, libraries: str | None
) -> Interpreter:
    library = Path(libraries or "/nonexistent") / f"libpython{major}.{minor}.so.1.0"
    return Interpreter((major, minor, micro), Path(prefix), library)
