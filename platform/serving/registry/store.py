"""Where versions are kept: a folder or a bucket, behind one interface."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from serving.errors import InputError
from serving.registry.files import Files
from serving.registry.manifest import Entry
from serving.registry.transfer import Advance


class Staging(Files, Protocol):
    """A version that nobody can see yet."""

    def write(self, path: str, content: io.RawIOBase, size: int, advance: Advance) -> Entry: ...

    def commit(self, manifest: bytes) -> None:
        """From here on everybody sees it. Raises Refused if the version exists by now."""
        ...


class Store(Protocol):
    where: str

    def models(self) -> Sequence[str]: ...

    def versions(self, model: str) -> Sequence[str]:
        """The names of all finished versions, also of those that no version should have."""
        ...

    def version(self, model: str, version: int) -> Files: ...

    def staging(self, model: str, version: int) -> AbstractContextManager[Staging]:
        """Holds the model for one publisher; what is not committed is gone afterwards.

        Raises Refused while another publisher holds it.
        """
        ...

    def remove(self, model: str, versions: Sequence[int]) -> None:
        """Nobody sees half of one. What killed publishers left goes too.

        Raises Refused while a publisher is at work.
        """
        ...


def open_store(where: str) -> Store:
    """`/a/folder`, `file:///a/folder` or `s3://bucket/prefix`."""
    from serving.registry.folder_store import FolderStore

    if not where:
        raise InputError("the store is empty text: name a folder or s3://bucket/prefix")
    scheme, separator, rest = where.partition("://")
    if not separator:
        return FolderStore(Path(where))
    if scheme == "file" and rest.startswith("/"):
        return FolderStore(Path(rest))
    if scheme == "s3":
        # boto3 is large; only its users wait for it
        from serving.registry.bucket_store import BucketStore

        return BucketStore(where)
    raise InputError(f"{where}: expected a folder, file:///a/folder or s3://bucket/prefix")
