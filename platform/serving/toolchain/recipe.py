"""How a program is had when it is not on PATH, and the key its result is cached under."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.toolchain.command import run
from serving.toolchain.tool import Tool

CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Built:
    origin: str
    versions: Mapping[str, str]
    """By program."""


@dataclass(frozen=True)
class Workshop:
    """Where one build works. Whatever it leaves in `folder` is kept."""

    name: str
    folder: Path
    log: Path
    obtain: Callable[[str], Tool]
    """Another program that this build needs, set up first if it is missing."""
    say: Callable[[str], None]

    def run(
        self, *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        run(self.name, command, log=self.log, env=env, cwd=cwd or self.folder)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    name: str
    doing: str
    usual: str
    """How long it takes as a rule on two cores."""
    files: tuple[str, ...]
    """Files of the checkout that decide what is built."""
    build: Callable[[Workshop], Built]
    revision: int = 1
    """Raised whenever `build` makes something else of the same files."""
    machine: Callable[[], str] = str
    """What the result depends on besides: the Python it is made for, the distribution."""

    def key(self) -> str:
        digest = hashlib.sha256(f"{self.name} {self.revision} {self.machine()}".encode())
        for file in self.files:
            digest.update(hashlib.sha256((CHECKOUT / file).read_bytes()).digest())
        return digest.hexdigest()[:16]
