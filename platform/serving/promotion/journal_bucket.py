"""A journal in S3, one object a record, which nobody can write twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from serving.errors import InputError
from serving.promotion.journal import JournalUnwritable, Overtaken
from serving.promotion.objects import BucketError, Objects


@dataclass(frozen=True)
class BucketStore:
    objects: Objects
    keep_until: Callable[[], datetime] | None = None
    """Until then S3 lets nobody delete a record; the bucket needs Object Lock."""

    @property
    def where(self) -> str:
        return str(self.objects)

    def lines(self, after: int = 0) -> Iterator[bytes]:
        return (self._line(name) for name in islice(self.objects.names(), after, None))

    def ends(self) -> tuple[bytes, bytes]:
        names = list(self.objects.names())
        if not names:
            raise InputError(f"{self.where}: holds no records; expected a journal")
        return self._line(names[0]), self._line(names[-1])

    def append(self, number: int, line: bytes) -> None:
        name = f"{number:08d}.json"
        until = self.keep_until() if self.keep_until else None
        try:
            etag = self.objects.put(name, line, None, until)
        except BucketError as error:
            raise JournalUnwritable(
                f"{error}; nothing was done without its record. Resume the promotion"
            ) from error
        if etag is None:
            raise Overtaken(f"{self.where}/{name}: another process goes on with this promotion")

    def repair(self, sound: int) -> None:
        """An object is there whole or not at all."""

    def _line(self, name: str) -> bytes:
        found = self.objects.get(name)
        if found is None:
            raise InputError(f"{self.where}/{name}: was deleted while it was read")
        return found[0]


def journals_at(place: Objects, model: str | None) -> Iterator[BucketStore]:
    """By model and time."""
    for name in [model] if model else place.folders():
        for promotion in place.below(name).folders():
            yield BucketStore(place.below(name).below(promotion))
