"""What people ask of a promotion: notes beside its lease, taken up by the process that runs it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from serving.promotion.shelf import Shelf, shelf_at

Kind: TypeAlias = Literal["abort", "approve", "override", "accept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    kind: Kind
    version: int
    """Whose promotion is meant: another one's is none of its business."""
    who: str
    reason: str
    gate: str = ""
    """Whose question is answered by an approval."""
    config: str = ""
    """Digest of the configuration that is accepted."""


_ASK: Final = TypeAdapter(Ask)


class Asks:
    """Of one model, the oldest first."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def add(self, ask: Ask) -> str:
        """Its name, which is gone once it was taken up."""
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.json"
        self._shelf.put(name, _ASK.dump_json(ask))
        return name

    def waiting(self, version: int) -> Mapping[str, Ask]:
        """By name. What cannot be read asks for nothing."""
        found = {}
        for name in self._shelf.names():
            try:
                ask = _ASK.validate_json(self._shelf.get(name) or b"")
            except ValidationError:
                continue
            if ask.version == version:
                found[name] = ask
        return found

    def waits(self, name: str) -> bool:
        return name in self._shelf.names()

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            self._shelf.remove(name)

    def clear(self) -> None:
        """What was asked of a promotion that is over."""
        self.remove(self._shelf.names())


def asks_at(leases: str, model: str) -> Asks:
    return Asks(shelf_at(f"{leases.rstrip('/')}/{model}/asks"))
