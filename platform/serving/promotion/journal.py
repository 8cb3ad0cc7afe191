"""The append-only record of one promotion, from which it resumes and by which it is judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Final, Protocol

from serving.errors import InputError, ServingError
from serving.promotion.record import (
    GENESIS,
    Body,
    JournalError,
    Record,
    Started,
    TornLine,
    line_of,
    record_of,
)

LONGEST_LINE: Final = 4 << 20
_COMPLETE: Final = re.compile(rb'"hash":"[0-9a-f]{64}"}')


class JournalUnwritable(ServingError):
    """No record, so no effect either."""


class Overtaken(ServingError):
    """Somebody else has gone on in the meantime: stop before the next effect."""


class Store(Protocol):
    """Where the lines of one journal lie. A line it has taken is still there after a power cut."""

    @property
    def where(self) -> str: ...

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """In order, the first `after` left out, cut after LONGEST_LINE. Only the last may lack its
        newline."""
        ...

    def ends(self) -> tuple[bytes, bytes]:
        """The first line and the last, without reading those between."""
        ...

    def append(self, number: int, line: bytes) -> None:
        """All of it or nothing. Raises JournalUnwritable, or Overtaken where the line is taken."""
        ...

    def repair(self, sound: int) -> None:
        """Sets aside what a killed writer left after the first `sound` bytes."""
        ...


class Journal:
    """One writer's hold on a journal; its lease sees to it that there is no other."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._count = 0
        self.head = GENESIS
        """Hash of the last record: who keeps it elsewhere can tell that lines were cut off."""

    @property
    def where(self) -> str:
        return self._store.where

    def resume(self, take: Callable[[Record], None]) -> None:
        """Hands over each record there is; then lines are appended after them."""
        sound = 0
        with suppress(TornLine):
            for record, size in _proven(self._store):
                take(record)
                self._count, self.head, sound = record.number, record.hash, sound + size
        self._store.repair(sound)

    def append(self, body: Body) -> Record:
        """Durable when it returns. Decide on what it returns: that is what replay will read."""
        number = self._count + 1
        at = self._clock().isoformat(timespec="milliseconds")
        line, digest = line_of(number, at, body, self.head)
        if len(line) > LONGEST_LINE:
            raise JournalUnwritable(
                f"{self.where}: a record of {len(line)} bytes is longer than {LONGEST_LINE}; "
                "report it, for no window should need that"
            )
        record = record_of(line, self.where, number, self.head)
        self._store.append(number, line)
        self._count, self.head = number, digest
        return record


def records(store: Store) -> Iterator[Record]:
    """Each as soon as it is proven to follow those before it. Raises JournalError."""
    return (record for record, _ in _proven(store))


def _proven(store: Store) -> Iterator[tuple[Record, int]]:
    previous, number = GENESIS, 0
    for line in store.lines():
        number += 1
        if number > 1 and torn(line):
            raise TornLine(store.where, number)
        record = record_of(line, store.where, number, previous)
        if (number == 1) != isinstance(record.body, Started):
            raise JournalError(
                store.where, number, f"is of kind {record.kind}", "only the first line starts one"
            )
        previous = record.hash
        yield record, len(line)
    if not number:
        raise InputError(f"{store.where}: is empty; expected the record of a promotion")


def torn(line: bytes) -> bool:
    """What a killed writer leaves is a beginning; one with an end was damaged later."""
    return not (line.endswith(b"\n") or len(line) == LONGEST_LINE or _COMPLETE.search(line))


def readable(store: Store, warn: Callable[[str], None]) -> Iterator[Record]:
    """What can be read of a promotion that was killed: a torn last line is only warned of."""
    try:
        yield from records(store)
    except TornLine as torn:
        warn(str(torn))
