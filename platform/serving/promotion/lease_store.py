"""Where a lease lies; whoever writes it must know what it replaces."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from serving.promotion.objects import SCHEME, Objects

_NAME: Final = "lease.json"


class LeaseStore(Protocol):
    @property
    def where(self) -> str: ...

    def read(self) -> tuple[bytes, str] | None:
        """What lies there, and a token that stands for it."""
        ...

    def take(self, fence: int, content: bytes, over: str | None) -> str | None:
        """The token of what lies there now; None where somebody else was first."""
        ...

    def renew(self, content: bytes, token: str) -> str | None:
        """As `take`, by the one who wrote what `token` stands for."""
        ...


class FolderLease:
    """A file for each holder, named by its number: of two who want a number, one can create it."""

    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        self._folder = folder

    def read(self) -> tuple[bytes, str] | None:
        while True:
            name = self._last()
            if name is None:
                return None
            # a next holder may remove it in between
            with suppress(FileNotFoundError):
                return (self._folder / name).read_bytes(), name

    def take(self, fence: int, content: bytes, over: str | None) -> str | None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{fence:08d}.json"
        aside = self._aside(content)
        try:
            os.link(aside, self._folder / name)
        except FileExistsError:
            return None
        finally:
            aside.unlink()
        if self._last() != name:  # a number from before was removed, and created again by us
            (self._folder / name).unlink()
            return None
        if over is not None:
            (self._folder / over).unlink(missing_ok=True)
        return name

    def renew(self, content: bytes, token: str) -> str | None:
        if self._last() != token:
            return None
        os.replace(self._aside(content), self._folder / token)
        if self._last() == token:
            return token
        (self._folder / token).unlink(missing_ok=True)  # the next holder had removed it
        return None

    def _last(self) -> str | None:
        names = (path.name for path in self._folder.glob("[0-9]*.json"))
        return max(names, default=None)

    def _aside(self, content: bytes) -> Path:
        aside = self._folder / f".{secrets.token_hex(8)}"
        try:
            with aside.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        return aside


class BucketLease:
    """One object, replaced only by who has read what it replaces."""

    def __init__(self, objects: Objects) -> None:
        self.where = f"{objects}/{_NAME}"
        self._objects = objects

    def read(self) -> tuple[bytes, str] | None:
        return self._objects.get(_NAME)

    def take(self, fence: int, content: bytes, over: str | None) -> str | None:
        return self._objects.put(_NAME, content, over)

    def renew(self, content: bytes, token: str) -> str | None:
        return self._objects.put(_NAME, content, token)


def lease_at(where: str) -> LeaseStore:
    """A folder or s3://bucket/prefix of its own, beside the state of the stack."""
    if where.startswith(SCHEME):
        return BucketLease(Objects.at(where))
    return FolderLease(Path(where))
