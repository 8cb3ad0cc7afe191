"""The record of a load: JSON lines, a header and then one array a request.

The header names the columns, the fields of `Request` in their order, and the second of the epoch
at which the load began. Requests stand in the order in which they ended, written once a second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Final

from serving.errors import InputError
from serving.load.request import Request
from serving.load.tally import Slot, Tally, tallied

FORMAT: Final = 1
_COLUMNS: Final = tuple(field.name for field in fields(Request))
_VALUES: Final = attrgetter(*_COLUMNS)


class Recording:
    def __init__(self, path: Path, began: float) -> None:
        self._stream = path.open("xb", buffering=0)
        self._waiting: list[Request] = []
        header = {"format": FORMAT, "began": began, "columns": _COLUMNS}
        self._stream.write(json.dumps(header).encode() + b"\n")

    def add(self, request: Request) -> None:
        self._waiting.append(request)

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        lines = (json.dumps(_VALUES(request), separators=(",", ":")) for request in waiting)
        self._stream.write("".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        self.flush()
        self._stream.close()


class Reading:
    """Reads what has been written since it last looked, while the load goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self.began: float | None = None
        """None until the load has begun."""

    def more(self) -> Sequence[Request]:
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._at)
                new = stream.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read: {error.strerror}") from error
        whole = new[: new.rfind(b"\n") + 1]
        self._at += len(whole)
        lines = whole.splitlines()
        if self.began is None and lines:
            self.began = self._header(lines.pop(0))
        return [self._request(line) for line in lines]

    def _header(self, line: bytes) -> float:
        try:
            header = json.loads(line)
            known = header["format"] == FORMAT and tuple(header["columns"]) == _COLUMNS
            began = float(header["began"])
        except (ValueError, LookupError, TypeError):
            known = False
        if not known:
            raise InputError(f"{self._path}: is not the record of a load that can be read here")
        return began

    def _request(self, line: bytes) -> Request:
        try:
            return Request(**dict(zip(_COLUMNS, json.loads(line), strict=True)))
        except (ValueError, TypeError) as error:
            raise InputError(f"{self._path}: is damaged: {line[:80]!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    began: float
    """Seconds of the epoch."""
    requests: Sequence[Request]

    def tallies(self, seconds: float) -> Mapping[Slot, Tally]:
        """By bin of so many seconds, model and version that answered."""
        return tallied(self.requests, seconds)


def read(path: Path) -> Load:
    """All that was recorded so far. Raises InputError where there is nothing."""
    reading = Reading(path)
    requests = reading.more()
    if reading.began is None:
        raise InputError(f"{path}: there is no record of a load")
    return Load(began=reading.began, requests=requests)
