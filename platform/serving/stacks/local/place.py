"""The state folder of a local stack: everything that it holds, and nothing outside."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.local import writing
from serving.errors import InputError

ADDRESS: Final = "127.0.0.1"
GATEWAY: Final = "gateway"
PROMETHEUS: Final = "prometheus"
"""Names of processes."""
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
STATE = "SERVING_STATE"
"""The environment variable that names the folder of all local stacks."""


@dataclass(frozen=True)
class Place:
    root: Path

    @property
    def name(self) -> str:
        """Also of the stack."""
        return self.root.name

    @property
    def project(self) -> Path:
        """Configuration of a stack that keeps out of every checkout."""
        return self.root / "project"

    @property
    def backend(self) -> Path:
        return self.root / "pulumi"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def envoy(self) -> Path:
        return self.root / "envoy"

    @property
    def prometheus(self) -> Path:
        return self.root / "prometheus"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def promotions(self) -> Path:
        """Journals, by model."""
        return self.root / "promotions"

    @property
    def leases(self) -> Path:
        return self.root / "leases"

    @property
    def records(self) -> Path:
        """Of the processes, by name."""
        return self.root / "processes"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    def write(self, file: Path, text: str) -> None:
        """Whole or not at all."""
        writing.write(file, text)

    def log(self, process: str) -> Path:
        return self.root / "logs" / f"{process}.log"

    def folder_of(self, process: str) -> Path:
        return self.root / "run" / process


def place_of(stack: str) -> Place:
    """Raises InputError where no folder can be told, or the name is none."""
    if not _NAME.fullmatch(stack):
        raise InputError(
            f"{stack!r}: is no name of a stack, expected letters, digits, `_`, `-` and `.`, and a "
            "letter or digit first"
        )
    named = os.environ.get(STATE)
    if named:
        return Place(Path(named).resolve() / stack)
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    if home.startswith("~"):
        raise InputError(f"there is no home folder: name one for local stacks in {STATE}")
    return Place(Path(home).resolve() / "serving" / stack)
