"""A recorded promotion as those who watch it hear of it: each record with the course after it."""

from __future__ import annotations

from collections.abc import Iterator

from serving.promotion.course import Course
from serving.promotion.journal import Journal, Store, records
from serving.promotion.record import Body, Record, Started
from serving.promotion.shown import Shown
from tests.unit.serving.promotion.recorded import NOON, Kept, started


def told(store: Store) -> Iterator[tuple[Course, Record]]:
    course: Course | None = None
    for record in records(store):
        if course is None:
            assert isinstance(record.body, Started)
            course = Course(record.body)
        else:
            course.take(record.body)
        yield course, record


def written(*bodies: Body, begin: Started | None = None) -> Kept:
    """A journal with these records after its start, all at noon."""
    store = Kept()
    journal = Journal(store, lambda: NOON)
    for body in (begin or started(), *bodies):
        journal.append(body)
    return store


def shown(store: Store) -> Shown:
    """After the last record."""
    result: Shown | None = None
    for course, record in told(store):
        result = result.after(course, record) if result else Shown.of(course, record)
    assert result is not None
    return result
