"""A journal in a file, one line a record, synced before anything is done in its name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from serving.errors import InputError
from serving.promotion.journal import LONGEST_LINE, JournalUnwritable, Overtaken
from serving.registry.folder import sync_folder

SUFFIX: Final = ".jsonl"


class FileStore:
    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        self._end = 0

    def lines(self, after: int = 0) -> Iterator[bytes]:
        with _opened(self._path) as stream:
            yield from islice(iter(partial(stream.readline, LONGEST_LINE), b""), after, None)

    def ends(self) -> tuple[bytes, bytes]:
        with _opened(self._path) as stream:
            first = stream.readline(LONGEST_LINE)
            stream.seek(max(stream.seek(0, os.SEEK_END) - LONGEST_LINE, 0))
            *_, last = stream.read().removesuffix(b"\n").rsplit(b"\n", 1)
        return first, last + b"\n"

    def append(self, number: int, line: bytes) -> None:
        with self._unharmed():
            if number == 1:
                self._create(line)
            else:
                self._extend(line)
        self._end += len(line)

    def repair(self, sound: int) -> None:
        with self._unharmed(), self._path.open("r+b") as stream:
            stream.seek(sound)
            if torn := stream.read():
                aside = self._path.with_name(f"{self._path.name}.torn-at-{sound}")
                with aside.open("wb") as copy:
                    copy.write(torn)
                    _sync(copy)
                stream.truncate(sound)
            if sound:
                stream.seek(sound - 1)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")
                    sound += 1
            _sync(stream)
            self._end = sound

    def _create(self, line: bytes) -> None:
        """Under its name only with a whole first line, so that no empty journal is ever seen."""
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with new.open("wb") as stream:
                stream.write(line)
                _sync(stream)
            os.link(new, self._path)
        except FileExistsError:
            raise Overtaken(f"{self.where}: is there already; resume that promotion") from None
        finally:
            with suppress(OSError):
                new.unlink()
        sync_folder(folder)

    def _extend(self, line: bytes) -> None:
        with self._path.open("r+b", buffering=0) as stream:
            size = stream.seek(0, os.SEEK_END)
            if size != self._end:
                raise Overtaken(
                    f"{self.where}: has {size} bytes where {self._end} were written; another "
                    "process goes on with this promotion"
                )
            try:
                written = 0
                while written < len(line):
                    written += stream.write(line[written:])
                os.fsync(stream.fileno())
            except OSError:
                with suppress(OSError):
                    stream.truncate(size)
                    os.fsync(stream.fileno())
                raise

    @contextmanager
    def _unharmed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalUnwritable(
                f"{self.where}: cannot be written: {error.strerror or error}; nothing was done "
                "without its record. Make room or mend the disk, then resume the promotion"
            ) from error


def journals_in(folder: Path, model: str | None) -> Iterator[FileStore]:
    """By model and time."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; expected one with a folder for each model")
    for path in sorted(folder.glob(f"{model or '*'}/*{SUFFIX}")):
        yield FileStore(path)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path}: cannot be read: {reason}; expected a journal") from error


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
