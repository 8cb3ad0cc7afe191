"""Bytes on their way: hashed while they are copied, counted for whoever watches."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from serving.registry.manifest import Entry

CHUNK: Final = 1 << 20
PIECE: Final = 8 << 20
"""What two threads hand over: with smaller pieces, a busy machine waits more than it works."""
WORKERS: Final = 4

Advance: TypeAlias = Callable[[int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Meter(Protocol):
    """Shown what is being done, how many bytes it takes, and each piece as it is done."""

    def __call__(self, what: str, total: int) -> AbstractContextManager[Advance]: ...


@contextmanager
def silent(what: str, total: int) -> Iterator[Advance]:
    yield lambda size: None


class Chunks(io.RawIOBase):
    """A stream of pieces of any size, read like a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class Hashing(io.RawIOBase):
    """Hashes what is read through it."""

    def __init__(self, stream: io.RawIOBase, advance: Advance) -> None:
        self._stream = stream
        self._advance = advance
        self._digest = hashlib.sha256()
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._stream.readinto(buffer) or 0
        self._digest.update(memoryview(buffer)[:size])
        self._size += size
        self._advance(size)
        return size

    def entry(self) -> Entry:
        return Entry(sha256=self._digest.hexdigest(), size=self._size)


def entry_of(stream: io.RawIOBase, advance: Advance) -> Entry:
    """Reads the stream to its end."""
    hashing = Hashing(stream, advance)
    buffer = memoryview(bytearray(CHUNK))
    while hashing.readinto(buffer):
        pass
    return hashing.entry()


def copy(stream: io.RawIOBase, write: Callable[[memoryview], object], advance: Advance) -> Entry:
    """Copies to the end; in a large file, each piece is hashed while it is written."""
    digest = hashlib.sha256()
    size = 0
    buffer, other = (memoryview(bytearray(PIECE)) for _ in range(2))
    with ThreadPoolExecutor(1) as hasher:
        hashed: Future[None] | None = None
        while read := stream.readinto(buffer):
            if hashed:
                hashed.result()
            hashed = hasher.submit(digest.update, buffer) if read == PIECE else None
            if not hashed:
                digest.update(buffer[:read])
            write(buffer[:read])
            size += read
            advance(read)
            buffer, other = other, buffer
    return Entry(sha256=digest.hexdigest(), size=size)


def each(
    work: Callable[[Item, Advance], Result], items: Iterable[Item], advance: Advance
) -> list[Result]:
    """Work on several files at once; the first failure, or Ctrl-C, stops the others too."""
    stopped = threading.Event()

    def go_on(size: int) -> None:
        if stopped.is_set():
            raise CancelledError
        advance(size)

    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            futures = [pool.submit(work, item, go_on) for item in items]
            for future in as_completed(futures):
                future.result()
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]
