"""The names in each stack's state, as they were last agreed to."""

from __future__ import annotations

from pathlib import Path

from tests.unit import stacks


def file(stack: str) -> Path:
    return Path(__file__).parent / f"{stack}.txt"


def rewrite() -> None:
    for stack in stacks.STACKS:
        file(stack).write_text(stacks.graph(stack).names(), encoding="utf-8")
