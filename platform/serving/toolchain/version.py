"""The version that a program tells of itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


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
