"""`serving promote status`: where a model's promotion stands."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from serving.cli.promote import LOCAL, AsJson, Place, Stack, place_of
from serving.errors import InputError
from serving.promotion.course import Course
from serving.promotion.journal import Store, readable
from serving.promotion.place import stores_in
from serving.promotion.record import Started


def status(
    model: Annotated[str, typer.Argument(help="Whose last promotion is shown.")],
    place: Place = None,
    stack: Stack = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show the weight and the last decision of a model's last promotion, running or not."""
    place = place or place_of(stack)
    *_, last = [None, *stores_in(place, model)]
    if last is None:
        raise InputError(f"{place}: no promotion of {model} was recorded here")
    rows = _status(last)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for name, value in rows.items():
        typer.echo(f"{name:9} {'-' if value is None else value}")


def _status(store: Store) -> dict[str, Any]:
    course, at = None, ""
    for record in readable(store, lambda text: typer.echo(f"notice: {text}", err=True)):
        at = record.at
        if isinstance(record.body, Started):
            course = Course(record.body)
        elif course is not None:
            course.take(record.body)
    if course is None:
        raise InputError(f"{store.where}: holds no promotion")
    decision = course.decided.decision if course.decided else None
    ended, intent = course.ended, course.intent
    return {
        "model": course.started.model,
        "version": course.started.version,
        "stable": course.started.stable,
        "weight": course.state.weight,
        "outcome": ended.outcome if ended else "unfinished",
        "doing": intent.action if intent and not ended else None,
        "decided": str(decision.verdict) if decision else None,
        "because": ended.reason if ended else decision.reason if decision else None,
        "last": at,
        "journal": store.where,
    }
