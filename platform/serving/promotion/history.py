"""The promotions a place remembers, one row each, without reading all that was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from serving.errors import InputError
from serving.promotion.journal import Store
from serving.promotion.record import GENESIS, Ended, JournalError, Record, Started, record_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    where: str
    model: str = ""
    version: int | None = None
    stable: int | None = None
    who: str = ""
    commit: str = ""
    started: str = ""
    last: str = ""
    """Time of the last record."""
    outcome: str = "unfinished"
    weight: int | None = None
    reason: str = ""
    problem: str = ""
    """Why the journal cannot be read."""


def rows(stores: Iterable[Store]) -> Iterator[Row]:
    for store in stores:
        try:
            yield _row(store)
        except InputError as error:
            yield Row(where=store.where, outcome="unreadable", problem=str(error))


def _row(store: Store) -> Row:
    first, last = store.ends()
    begin, end = record_of(first, store.where, 1, GENESIS), _alone(last, store.where)
    started, ended = begin.body, end.body
    if not isinstance(started, Started):
        raise JournalError(store.where, 1, f"is of kind {begin.kind}", "expected a start")
    row = {
        "where": store.where,
        "model": started.model,
        "version": started.version,
        "stable": started.stable,
        "who": started.who,
        "commit": started.commit,
        "started": begin.at,
        "last": end.at,
    }
    if isinstance(ended, Ended):
        row |= {"outcome": ended.outcome, "weight": ended.weight, "reason": ended.reason}
    return Row(**row)  # type: ignore[arg-type]  # each by its own name


def _alone(line: bytes, where: str) -> Record:
    """A line by its own account of what it follows; only replay proves that."""
    try:
        document = json.loads(line)
        number, previous = int(document["number"]), str(document["previous"])
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{where}: the last line is torn or damaged; `serving promote replay` says which it is"
        ) from None
    return record_of(line, where, number, previous)
