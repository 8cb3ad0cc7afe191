"""A set of plain files under relative names, wherever they lie."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol


class Listed(NamedTuple):
    size: int
    mark: str
    """Changes when the file does: what the place itself keeps, such as an ETag."""


class Files(Protocol):
    where: str

    def listed(self) -> Mapping[str, Listed]:
        """Every file; a folder without files is listed under its name and a slash.

        Raises Refused where there is anything but plain files under plain names.
        """
        ...

    def open(self, path: str) -> AbstractContextManager[io.RawIOBase]: ...
