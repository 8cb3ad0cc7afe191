"""Where journals lie, beside the state of their stack: a folder, or a prefix of a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from serving.promotion.journal import Store
from serving.promotion.journal_bucket import BucketStore, journals_at
from serving.promotion.journal_file import SUFFIX, FileStore, journals_in
from serving.promotion.objects import SCHEME, Objects


def name_of(place: str, model: str, version: int, started: datetime) -> str:
    """Names sort by time."""
    when = started.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    suffix = "" if place.startswith(SCHEME) else SUFFIX
    return f"{place.rstrip('/')}/{model}/{when}-v{version}{suffix}"


def open_store(where: str, keep_until: Callable[[], datetime] | None = None) -> Store:
    if where.startswith(SCHEME):
        return BucketStore(Objects.at(where), keep_until)
    return FileStore(Path(where))


def stores_in(place: str, model: str | None = None) -> Iterable[Store]:
    """By model and time."""
    if place.startswith(SCHEME):
        return journals_at(Objects.at(place), model)
    return journals_in(Path(place), model)
