"""Ports of a local stack: free when they are chosen, and the same from then on."""

from __future__ import annotations

import fcntl
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from components.local import proc, supervision, writing
from serving.errors import ServingError
from serving.stacks.local.place import Place

RANGE: Final = range(10_000, 32_000)
"""Below those that Linux gives to clients."""


def ports_of(place: Place, process: str, *purposes: str) -> dict[str, int]:
    """By purpose, each where nothing but the process itself listens."""
    with _table(place) as table:
        record = supervision.read(place.records / f"{process}.json")
        own = set(record["ports"].values()) if record and supervision.lives(record) else set()
        return {purpose: _port(table, f"{process}/{purpose}", own) for purpose in sorted(purposes)}


def known_ports(place: Place, process: str) -> dict[str, int]:
    """By purpose, as they were chosen; empty for a process that never was."""
    table: dict[str, int] = json.loads(writing.content_of(place.ports) or "{}")
    named = (name.rpartition("/") for name in table)
    return {purpose: table[f"{of}/{purpose}"] for of, _, purpose in named if of == process}


def _port(table: dict[str, int], name: str, own: set[int]) -> int:
    known = table.get(name)
    if known is not None and (known in own or proc.free(known)):
        return known
    taken = set(table.values())
    for port in random.sample(RANGE, len(RANGE)):
        if port not in taken and proc.free(port):
            table[name] = port
            return port
    raise ServingError(f"no port of {RANGE.start} to {RANGE.stop - 1} is free on this machine")


@contextmanager
def _table(place: Place) -> Iterator[dict[str, int]]:
    place.root.mkdir(parents=True, exist_ok=True)
    with place.ports.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = writing.content_of(place.ports) or "{}"
        table: dict[str, int] = json.loads(before)
        yield table
        after = json.dumps(table, indent=1, sort_keys=True)
        if after != before:
            writing.write(place.ports, after)
