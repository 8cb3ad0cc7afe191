"""Shows the demo while it plays: a picture on a terminal, elsewhere lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from textwrap import shorten
from typing import Final, Protocol

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.text import Text

from serving.demo import table
from serving.demo.figures import Figures
from serving.demo.scenario import SCENARIO, Act
from serving.promotion.course import Course
from serving.promotion.lines import Teller
from serving.promotion.panel import panel
from serving.promotion.record import Record, Started
from serving.promotion.shown import Shown

REFRESHES: Final = 2.0
"""A second; each costs what the promoter could use."""
LOAD_SECONDS: Final = 10.0
"""Between two lines about the load."""

MOST: Final = 300
"""Characters of a line; the log of a server that did not start has many."""

Tell = Callable[[str], None]


class Screen(Protocol):
    def said(self, text: str) -> None:
        """A line that stays."""
        ...

    def playing(self, figures: Figures) -> AbstractContextManager[None]:
        """The promotions are shown in it, beside these figures."""
        ...

    def act(self, number: int) -> None:
        """Of the scenario, from 0, which begins."""
        ...

    def ended(self, number: int, outcome: str) -> None: ...

    def heard(self, course: Course, record: Record) -> None: ...

    def told(self, text: str) -> None:
        """Something was done to a promotion."""
        ...

    def look(self) -> None:
        """To be called again and again."""
        ...


class Lines:
    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._teller = Teller()
        self._figures: Figures | None = None
        self._next = 0.0

    def said(self, text: str) -> None:
        self._tell(text)

    @contextmanager
    def playing(self, figures: Figures) -> Iterator[None]:
        self._figures = figures
        yield

    def act(self, number: int) -> None:
        act = SCENARIO[number]
        self._tell(f"\n{number + 1}. version {act.version}: {act.about}")

    def ended(self, number: int, outcome: str) -> None:
        self._tell(f"   {outcome}")

    def heard(self, course: Course, record: Record) -> None:
        before = Teller() if isinstance(record.body, Started) else self._teller
        self._teller, line = before.after(course, record)
        if line:
            self._tell(f"   {shorten(line.said, MOST, placeholder='…')}")

    def told(self, text: str) -> None:
        self._tell(f"   >> {text}")

    def look(self) -> None:
        if self._figures is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOAD_SECONDS
        rows = [row for row in self._figures.rows if row.rps]
        shares = ", ".join(
            f"{row.model} {row.version}: {row.rps:.0f}/s, p99 {row.p99_ms:.0f} ms"
            for row in rows
            if row.p99_ms is not None
        )
        if shares:
            self._tell(f"   load: {shares}; {self._figures.lost} lost so far")


class Picture:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: Shown | None = None
        self._figures: Figures | None = None
        self._act = -1
        self._outcomes: dict[int, str] = {}
        self._told = ""
        self._begun = time.monotonic()

    def said(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False)

    @contextmanager
    def playing(self, figures: Figures) -> Iterator[None]:
        self._figures = figures
        with Live(
            get_renderable=self.renderable,
            console=self._console,
            screen=True,
            refresh_per_second=REFRESHES,
        ):
            yield

    def act(self, number: int) -> None:
        self._act, self._shown, self._told = number, None, ""

    def ended(self, number: int, outcome: str) -> None:
        self._outcomes[number] = outcome

    def heard(self, course: Course, record: Record) -> None:
        before = None if isinstance(record.body, Started) else self._shown
        self._shown = before.after(course, record) if before else Shown.of(course, record)

    def told(self, text: str) -> None:
        self._told = text

    def look(self) -> None:
        """It is drawn by a thread of its own."""

    def renderable(self) -> RenderableType:
        seen = self._figures.rows if self._figures else ()
        rows = [row for row in seen if row.rps or row.lost]
        acts = [self._line(number, act) for number, act in enumerate(SCENARIO)]
        head = Text(f"serving demo, {time.monotonic() - self._begun:.0f} s", "bold")
        layout = Layout()
        layout.split_column(
            Layout(Group(head, *acts), size=len(acts) + 2),
            Layout(panel(self._shown) if self._shown else Text(" ")),
            Layout(table.load(rows), size=len(rows) + 2),
        )
        return layout

    def _line(self, number: int, act: Act) -> Text:
        outcome = self._outcomes.get(number)
        sign = {"promoted": "✓", "rolled back": "✗", None: " "}.get(outcome, "?")
        style = table.STYLES.get(outcome or "", "")
        if number == self._act and outcome is None:
            sign, style = "▶", "bold"
        told = f"   {self._told}" if number == self._act and self._told else ""
        result = f"   {outcome}" if outcome else ""
        return Text(f" {sign} {act.version}  {act.about}{result}", style).append(
            told, "bold yellow"
        )
