"""The promotions of a stack as their journals tell them, with the weights that came into force."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from serving.errors import InputError
from serving.promotion.history import Row, rows
from serving.promotion.journal_file import FileStore, journals_in

MOST: Final = 100
"""The newest; what is older is listed by `serving promote history`."""
_TOLD: Final = (b'"kind":"intent"', b'"kind":"effect"', b'"kind":"decided"', b'"kind":"ended"')
_FRAME: Final = 200
"""Bytes of a line in which its kind stands."""


@dataclass(frozen=True, kw_only=True)
class Promotion:
    name: str
    """Of the journal: `<model>/<file without its suffix>`."""
    row: Row
    weight: int = 0
    verdict: str = ""
    reason: str = ""
    gate: str = ""
    doing: str = ""
    """The effect that was begun and not confirmed."""
    weights: Sequence[tuple[float, int]] = ()
    """Seconds since 1970, and the weight of the version from then on."""

    def document(self) -> dict[str, Any]:
        told = asdict(self.row) | asdict(self)
        del told["row"], told["where"]
        return told | {"reason": self.row.reason or self.reason}


@dataclass
class Promotions:
    """Reads a journal again only when it has grown."""

    folder: Path
    _known: dict[Path, tuple[tuple[int, int], Promotion]] = field(default_factory=dict)

    def all(self) -> Sequence[Promotion]:
        """Newest first."""
        if not self.folder.is_dir():
            return []
        paths = [Path(store.where) for store in journals_in(self.folder, None)]
        newest = sorted(paths, key=lambda path: path.name, reverse=True)[:MOST]
        found = [self._read(path) for path in newest]
        self._known = {path: self._known[path] for path in newest}
        return found

    def store(self, name: str) -> FileStore | None:
        """Only of a promotion that is listed: no path is made of what somebody asks for."""
        paths = {_name(path): path for path in self._known} or {
            each.name: Path(each.row.where) for each in self.all()
        }
        path = paths.get(name)
        return FileStore(path) if path else None

    def _read(self, path: Path) -> Promotion:
        state = path.stat()
        stamp = (state.st_mtime_ns, state.st_size)
        before = self._known.get(path)
        if before is not None and before[0] == stamp:
            return before[1]
        now = _promotion(path)
        if now.row.problem and before is not None:  # perhaps its last line is just being written
            return before[1]
        self._known[path] = (stamp, now)
        return now


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _promotion(path: Path) -> Promotion:
    store = FileStore(path)
    (row,) = rows([store])
    row = replace(row, model=path.parent.name)
    try:
        told = _outline(_documents(store))
    except (InputError, ValueError, LookupError, TypeError):  # damaged: the row says how
        told = {}
    return Promotion(name=_name(path), row=row, **told)


def _documents(store: FileStore) -> Iterator[Mapping[str, Any]]:
    """Windows, which are most of a journal, are passed over; a torn last line, too."""
    for line in store.lines():
        if line.endswith(b"\n") and any(kind in line[:_FRAME] for kind in _TOLD):
            yield json.loads(line)


def _outline(documents: Iterator[Mapping[str, Any]]) -> dict[str, Any]:
    weight = 0
    decision = {"verdict": "", "reason": "", "gate": ""}
    intent: Mapping[str, Any] | None = None
    weights: list[tuple[float, int]] = []
    for document in documents:
        body = document["body"]
        match document["kind"]:
            case "intent":
                intent = body
            case "decided":
                decision = {name: body["decision"][name] for name in decision}
            case "effect":
                if intent and body["confirmed"] and intent["weight"] is not None:
                    weight = intent["weight"]
                    weights.append((datetime.fromisoformat(document["at"]).timestamp(), weight))
                intent = None
            case "ended":
                intent = None
    doing = intent["action"] if intent else ""
    return {**decision, "weight": weight, "doing": doing, "weights": weights}
