"""`serving promote watch`: a promotion as another process records it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from serving.promotion.course import Course
from serving.promotion.journal import Store, torn
from serving.promotion.record import GENESIS, Ended, Record, Started, record_of

POLL_SECONDS: Final = 1.0
PATIENCE: Final = 5
"""Looks without anything new, after which it is asked whether anybody is still at it."""


def follow(
    store: Store,
    heard: Callable[[Course, Record], None],
    runs: Callable[[], bool],
    sleep: Callable[[float], None],
) -> Ended | None:
    """How it ended; None where nobody runs it any more."""
    course: Course | None = None
    count, head, idle = 0, GENESIS, 0
    while True:
        new = 0
        for record in _after(store, count, head):
            course = _taken(course, record)
            count, head, new = record.number, record.hash, new + 1
            heard(course, record)
        if course is not None and course.ended is not None and not runs():
            return course.ended
        idle = 0 if new else idle + 1
        if idle >= PATIENCE and not runs():
            return course.ended if course else None
        sleep(POLL_SECONDS)


def _after(store: Store, count: int, head: str) -> Iterator[Record]:
    """What was recorded since; a line that is being written is none yet."""
    for line in store.lines(count):
        if torn(line):
            return
        record = record_of(line, store.where, count + 1, head)
        count, head = record.number, record.hash
        yield record


def _taken(course: Course | None, record: Record) -> Course:
    if course is None or isinstance(record.body, Started):
        if not isinstance(record.body, Started):
            raise TypeError("records begin with a start")
        return Course(record.body)
    course.take(record.body)
    return course
