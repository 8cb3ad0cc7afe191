"""Writes what a program says to a file that does not grow for ever; standard library only."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

LARGEST_BYTES = 8 << 20
KEPT = 3
"""Older files: `<log>.1` is the newest of them."""


def write_log(source: int, log: Path, largest: int = LARGEST_BYTES) -> None:
    """Until the source ends."""
    stream = log.open("ab", buffering=0)
    try:
        while chunk := os.read(source, 1 << 16):
            if stream.tell() + len(chunk) > largest:
                stream.close()
                rotate(log)
                stream = log.open("ab", buffering=0)
            with suppress(OSError):  # a full disk: the program goes on, unheard
                stream.write(chunk)
    finally:
        stream.close()


def rotate(log: Path, kept: int = KEPT) -> None:
    names = [log, *(log.with_name(f"{log.name}.{number}") for number in range(1, kept + 1))]
    for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
        if newer.exists():
            os.replace(newer, older)
