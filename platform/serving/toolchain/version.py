"""The version that a program tells of itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def ask(path: Path, question: str) -> str | None:
    """None if it does not start or tells none."""
    try:
        answer = subprocess.run(
            [path, question], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode:
        return None
    return told((answer.stdout + answer.stderr).replace(str(path), ""))


def told(answer: str) -> str | None:
    found = re.search(r"\d+\.\d+(\.\d+)?", answer)
    return found[0] if found else None


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
