"""Decides again from what was recorded, and compares with what was decided then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from serving.promotion.course import Course, engine_version
from serving.promotion.record import Decided, Record, Resumed, Started, encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    line: int
    recorded: str
    """As canonical JSON."""
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    records: int
    decisions: int
    engine: str
    """That decided: up to the difference, or last."""
    head: str
    """Hash of the last record."""
    difference: Difference | None = None
    """The first one; what comes after would only follow from it."""

    @property
    def same_engine(self) -> bool:
        return self.engine == engine_version()


def replay(records: Iterable[Record]) -> Replay:
    decisions, engine = 0, ""
    result = Replay(records=0, decisions=0, engine="", head="")
    for course, record in followed(records):
        body = record.body
        if isinstance(body, Started | Resumed):
            engine = body.engine
        difference = None
        if isinstance(body, Decided):
            decisions += 1
            difference = _difference(course, record.number, body)
        result = Replay(
            records=record.number,
            decisions=decisions,
            engine=engine,
            head=record.hash,
            difference=difference,
        )
        if difference is not None:
            break
    return result


def followed(records: Iterable[Record]) -> Iterator[tuple[Course, Record]]:
    """Each record with the course as it stood before it, which then takes it."""
    following = iter(records)
    first = next(following)
    if not isinstance(first.body, Started):
        raise TypeError("records begin with a start; read them with journal.records")
    course = Course(first.body)
    yield course, first
    for record in following:
        yield course, record
        course.take(record.body)


def _difference(course: Course, line: int, body: Decided) -> Difference | None:
    recorded, now = encoded(body), encoded(course.decide(body.facts))
    return None if recorded == now else Difference(line=line, recorded=recorded, now=now)
