"""Small files beside a lease, each written whole: in a folder, or below a prefix of a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from serving.errors import ServingError
from serving.promotion.objects import SCHEME, Objects
from serving.registry.folder import write_whole


class Shelf(Protocol):
    @property
    def where(self) -> str: ...

    def names(self) -> list[str]:
        """Sorted."""
        ...

    def get(self, name: str) -> bytes | None: ...

    def put(self, name: str, content: bytes) -> None:
        """In place of what is there, if anything is."""
        ...

    def remove(self, name: str) -> None:
        """Also what is not there."""
        ...


class FolderShelf:
    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        self._folder = folder

    def names(self) -> list[str]:
        with _explained(self.where):
            return sorted(path.name for path in self._folder.glob("[!.]*") if path.is_file())

    def get(self, name: str) -> bytes | None:
        with _explained(self.where):
            try:
                return (self._folder / name).read_bytes()
            except FileNotFoundError:
                return None

    def put(self, name: str, content: bytes) -> None:
        with _explained(self.where):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / name, content)

    def remove(self, name: str) -> None:
        with _explained(self.where):
            (self._folder / name).unlink(missing_ok=True)


class BucketShelf:
    def __init__(self, objects: Objects) -> None:
        self.where = str(objects)
        self._objects = objects

    def names(self) -> list[str]:
        return list(self._objects.names())

    def get(self, name: str) -> bytes | None:
        found = self._objects.get(name)
        return None if found is None else found[0]

    def put(self, name: str, content: bytes) -> None:
        self._objects.write(name, content)

    def remove(self, name: str) -> None:
        self._objects.remove(name)


def shelf_at(where: str) -> Shelf:
    if where.startswith(SCHEME):
        return BucketShelf(Objects.at(where))
    return FolderShelf(Path(where))


@contextmanager
def _explained(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServingError(
            f"{where}: cannot be read or written: {error.strerror or error}"
        ) from error
