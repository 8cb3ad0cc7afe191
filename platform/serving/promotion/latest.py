"""The last promotion of a model, found by itself, with where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from serving.errors import InputError
from serving.promotion.course import Course
from serving.promotion.engine import FINAL
from serving.promotion.journal import Store, readable
from serving.promotion.phases import Phase, Progress
from serving.promotion.place import stores_in
from serving.promotion.record import Ended, Started
from serving.settings import Release


@dataclass(frozen=True, kw_only=True)
class Latest:
    store: Store
    course: Course
    progress: Progress

    @property
    def started(self) -> Started:
        return self.course.started

    @property
    def ended(self) -> Ended | None:
        return self.course.ended

    @property
    def unfinished(self) -> bool:
        return self.ended is None or self.ended.outcome not in FINAL

    def goes_on(self, release: Release | None) -> bool:
        """It is unfinished, and what it deployed is still there."""
        version = self.started.version
        there = release is not None and version in (release.canary, release.stable)
        return self.unfinished and (there or Phase.DEPLOY not in self.progress.done)


def latest(place: str, model: str) -> Latest | None:
    """None where there is no journal of the model."""
    try:
        *_, store = [None, *stores_in(place, model)]
    except InputError:  # nothing was ever recorded here
        return None
    return None if store is None else read(store)


def read(store: Store) -> Latest:
    course, progress = None, Progress()
    for record in readable(store, lambda torn: None):
        if isinstance(record.body, Started):
            course = Course(record.body)
        elif course is not None:
            progress.take(course, record.body)
            course.take(record.body)
    if course is None:
        raise InputError(f"{store.where}: holds no promotion")
    return Latest(store=store, course=course, progress=progress)
