"""Promotions on a terminal: what is shown of each, made to fit the place there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.panel import Panel
from rich.text import Text

from serving.promotion import panel_row as row
from serving.promotion.shown import Shown

COMPACT_ROWS: Final = 6
FULL_ROWS: Final = 20
"""A promotion with fewer is shown in short."""
MOST_TOLD: Final = 12
"""Lines of the past where there is no limit."""


class Promotions:
    """Renders into the rows and columns it is given; without a limit, at its natural height."""

    def __init__(self, shown: Sequence[Shown], now: datetime | None = None) -> None:
        self._shown = shown
        self._now = now

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = self._now or datetime.now(UTC)
        for shown, rows in _rooms(self._shown, options.height):
            yield _framed(shown, options.max_width, rows, now)
        if not self._shown:
            yield Text("nothing is known of a promotion yet", "dim")


def panel(shown: Shown | Sequence[Shown], now: datetime | None = None) -> Promotions:
    """A renderable. `now` makes the clock tick between two records; the time of day if left out."""
    return Promotions([shown] if isinstance(shown, Shown) else shown, now)


def _rooms(shown: Sequence[Shown], height: int | None) -> Iterator[tuple[Shown, int | None]]:
    """Rows for each. Those that run come first where there is no room for all."""
    if height is None:
        yield from ((each, None) for each in shown)
        return
    running = sorted(shown, key=lambda each: each.outcome is not None)
    fitting = running[: max(height // COMPACT_ROWS, 1)]
    rows = height // max(len(fitting), 1)
    for each in shown:
        if each in fitting:
            yield each, rows


def _framed(shown: Shown, width: int, rows: int | None, now: datetime) -> Panel:
    inside = width - 4
    room = None if rows is None else rows - 2
    if room is not None and room + 2 < FULL_ROWS:
        lines = _short(shown, inside, room)
    else:
        lines = _full(shown, inside, room, now)
    lines = lines[:room]
    for line in lines:
        line.truncate(inside, overflow="ellipsis")
    against = f" over {shown.stable}" if shown.stable else ", the first release"
    style = row.STYLES[shown.tone] if shown.outcome or shown.tone != "good" else ""
    return Panel(
        Text("\n", no_wrap=True).join(lines),
        title=Text(f"{shown.model}: version {shown.version}{against}", "bold"),
        title_align="left",
        subtitle=Text(_clock(shown, now), "dim"),
        subtitle_align="right",
        border_style=style or "dim",
        height=rows,
        width=width,
    )


def _clock(shown: Shown, now: datetime) -> str:
    ended = datetime.fromisoformat(shown.at) if shown.outcome else now
    since = (ended - datetime.fromisoformat(shown.began)).total_seconds()
    took = "took" if shown.outcome else "for"
    return f"by {shown.who}, {took} {row.duration(max(since, 0.0))}"


def _full(shown: Shown, width: int, room: int | None, now: datetime) -> list[Text]:
    head = [row.split(shown, width), row.steps(shown, width, now)]
    table, gates, verdict = (
        row.table(shown, width),
        row.gates(shown, width),
        row.verdict(shown, width),
    )
    if room is not None:
        gates = gates[: max(room - len(head) - len(table) - len(verdict), 0)]
    parts = [head, table, gates, verdict]
    spare = MOST_TOLD if room is None else room - sum(map(len, parts))
    airy = spare >= 2 * len(parts)
    told = spare - len(parts) if airy else spare
    parts.append([row.event(line) for line in shown.lines[-told:]] if told > 0 else [])
    gap = [Text()] if airy else []
    return [line for part in parts for line in (*part, *gap)][: -1 if airy else None]


def _short(shown: Shown, width: int, room: int) -> list[Text]:
    lines = [row.split(shown, width), row.balance(shown, width), *row.verdict(shown, width)]
    told = room - len(lines)
    return lines + ([row.event(line) for line in shown.lines[-told:]] if told > 0 else [])
