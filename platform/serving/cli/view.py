"""Shows promotions while they run: on a terminal as a picture, elsewhere as lines."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, TypeAlias

import typer
from rich.console import Console, RenderableType
from rich.layout import Layout
from rich.live import Live

from serving.promotion.course import Course
from serving.promotion.lines import Teller, document
from serving.promotion.panel import panel
from serving.promotion.record import Record, Started
from serving.promotion.shown import Shown

__all__ = ["Heard", "panel", "showing"]

Heard: TypeAlias = Callable[[Course, Record], None]
REFRESHES: Final = 2.0
"""A second: the clock ticks, and a window that is resized is filled again."""


@contextmanager
def showing(*, as_json: bool = False, plain: bool | None = None) -> Iterator[Heard]:
    """What it yields is to be called after each record, from any thread.

    Records older than this call are taken in and not told: a promotion that is resumed was told
    before. `plain` says lines also on a terminal; by default a terminal gets the picture.
    """
    if plain is None:
        plain = not sys.stdout.isatty()
    view: _Picture | _Lines = _Lines(as_json) if as_json or plain else _Picture()
    lock = threading.Lock()

    def heard(course: Course, record: Record) -> None:
        with lock:
            view.heard(course, record)

    with view.shown():
        yield heard


class _Lines:
    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._since = datetime.now(UTC)
        self._tellers: dict[str, Teller] = {}
        self._untold: dict[str, str] = {}
        """By model, the last of what is older."""

    @contextmanager
    def shown(self) -> Iterator[None]:
        try:
            yield
        finally:
            for line in self._untold.values():
                typer.echo(line)

    def heard(self, course: Course, record: Record) -> None:
        model = course.started.model
        before = None if isinstance(record.body, Started) else self._tellers.get(model)
        teller, line = (before or Teller()).after(course, record)
        self._tellers[model] = teller
        told = json.dumps(document(course, record)) if self._as_json else line and str(line)
        if not told:
            return
        if datetime.fromisoformat(record.at) < self._since:
            self._untold[model] = told
        else:
            self._untold.pop(model, None)
            typer.echo(told)


class _Picture:
    def __init__(self) -> None:
        self._console = Console()
        self._shown: dict[str, Shown] = {}
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            screen=True,  # drawn over in place: nothing scrolls, and nothing is erased first
            refresh_per_second=REFRESHES,
        )

    @contextmanager
    def shown(self) -> Iterator[None]:
        try:
            with self._live:
                yield
        finally:
            if self._shown:
                self._console.print(panel(list(self._shown.values())))

    def heard(self, course: Course, record: Record) -> None:
        model = course.started.model
        before = None if isinstance(record.body, Started) else self._shown.get(model)
        self._shown[model] = before.after(course, record) if before else Shown.of(course, record)

    def _render(self) -> RenderableType:
        return Layout(panel(list(self._shown.values())))  # hands the screen's height down
