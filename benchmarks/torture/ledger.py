"""What was found at each point, one file each, so that a second call goes on where one stopped."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from benchmarks.torture.checks import Problem
from serving import promotion
from serving.errors import InputError

POINTS: Final = "points"
ABOUT: Final = "about.json"


@dataclass(frozen=True, kw_only=True)
class Result:
    part: str
    name: str
    victim: str = ""
    kills: int = 0
    outcome: str = ""
    """In which it ended at last."""
    paused: tuple[str, ...] = ()
    """The reasons for which it waited for a person on the way."""
    problems: tuple[Problem, ...] = ()
    seconds: float = 0.0
    recovery_seconds: float | None = None
    """From the last kill to the next effect that was confirmed, or the end."""
    folder: str = field(default="", compare=False)
    """Kept where something is wrong."""


_RESULT: Final = TypeAdapter(Result)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    folder: Path

    def open(self, seed: int) -> None:
        """Raises InputError where what lies there was found with other code or another seed."""
        about = {"code": code(), "seed": seed}
        file = self.folder / ABOUT
        if file.exists() and json.loads(file.read_bytes()) != about:
            raise InputError(
                f"{self.folder}: holds results of other code or another seed; remove it, or name "
                "another folder with --out"
            )
        (self.folder / POINTS).mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(about), encoding="utf-8")

    def find(self, part: str, name: str) -> Result | None:
        file = self._file(part, name)
        return _RESULT.validate_json(file.read_bytes()) if file.exists() else None

    def keep(self, result: Result) -> None:
        file = self._file(result.part, result.name)
        aside = file.with_suffix(".part")
        aside.write_bytes(_RESULT.dump_json(result, indent=1))
        aside.rename(file)

    def all(self, part: str) -> list[Result]:
        files = sorted((self.folder / POINTS).glob(f"{part}-*.json"))
        return [_RESULT.validate_json(file.read_bytes()) for file in files]

    def _file(self, part: str, name: str) -> Path:
        return self.folder / POINTS / f"{part}-{slug(name)}.json"


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def code() -> str:
    """Of what is tortured, and of the torture."""
    digest = hashlib.sha256()
    for folder in (Path(str(promotion.__file__)).parent, Path(__file__).parent):
        for file in sorted(folder.glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def discard(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
