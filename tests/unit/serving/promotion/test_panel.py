from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console

from serving.promotion.panel import panel
from serving.promotion.panel_row import duration, meter
from serving.promotion.record import Intent
from serving.promotion.shown import Shown
from tests.unit.serving.promotion.recorded import kept, simulated, started
from tests.unit.serving.promotion.told import shown, written

HEALTHY = shown(kept(simulated(1, 13)))
BAD = shown(kept(simulated(1, 200, errors=0.05, since=20)))
SIZES = [(80, 24), (120, 40), (60, 20), (200, 60)]


def drawn(
    what: Shown | Sequence[Shown], width: int = 80, rows: int | None = None, seconds: float = 0
) -> list[str]:
    last = what if isinstance(what, Shown) else what[-1]
    now = datetime.fromisoformat(last.at) + timedelta(seconds=seconds)
    console = Console(file=io.StringIO(), width=width, height=rows or 25, color_system=None)
    options = console.options.update(height=rows) if rows else console.options
    lines = console.render_lines(panel(what, now), options.update(width=width), pad=False)
    return ["".join(segment.text for segment in line) for line in lines]


@pytest.mark.parametrize(("width", "rows"), SIZES)
@pytest.mark.parametrize("state", [HEALTHY, BAD, shown(written())], ids=["healthy", "bad", "new"])
def test_it_fills_the_terminal_and_no_more(state: Shown, width: int, rows: int) -> None:
    lines = drawn(state, width, rows)
    assert len(lines) == rows
    assert {cell_len(line) for line in lines} == {width}
    assert lines[-1].startswith("╰")


def test_on_a_small_terminal_all_that_decides_is_there() -> None:
    text = "\n".join(drawn(HEALTHY, 80, 24))
    for part in (
        "digits: version 2 over 1", "stable 1  75 % ", " 25 % canary 2", "✓10 ●25 ○50", "to 100 %",
        "limit ", "  0.50 %", "  50.00 %", "  1.00 %", "≤ 5 ms", "rollback at 100 to 1",
        "advances at 20 to 1", "together", "errors", "p99", "golden", " hold ", "by kim",
        "advance 10 → 25 %, safe at 10 %",
    ):  # fmt: skip
        assert part in text


def test_the_end_says_what_became_of_it_and_why() -> None:
    text = "\n".join(drawn(BAD, 80, 24))
    assert " rolled back  worse than stable and over its limit" in text
    assert "took 5 min" in text
    assert "more" not in text.split("rolled back")[0].split("together")[0]


def test_the_clock_ticks_between_two_records() -> None:
    at_work = shown(written(Intent(action="start the canary", fence=1)))
    assert "start the canary, 7 s" in "\n".join(drawn(at_work, seconds=7))


@pytest.mark.parametrize("count", [2, 3, 6])
def test_several_promotions_share_the_terminal(count: int) -> None:
    states = [replace(HEALTHY, model=f"model-{number}") for number in range(count)]
    lines = drawn(states, 100, 30)
    text = "\n".join(lines)
    assert len(lines) <= 30
    shown_in_full = min(count, 5)
    assert text.count("canary 2") >= shown_in_full
    assert [f"model-{number}" in text for number in range(shown_in_full)] == [True] * shown_in_full


def test_where_not_all_have_room_those_that_run_come_first() -> None:
    ended = [replace(BAD, model=f"ended-{number}") for number in range(4)]
    text = "\n".join(drawn([*ended, replace(HEALTHY, model="running")], 80, 12))
    assert "running" in text
    assert "ended-3" not in text


def test_without_a_limit_it_has_the_height_it_needs() -> None:
    lines = drawn(HEALTHY, 80)
    assert lines[-1].startswith("╰")
    assert any("advance 10 → 25 %" in line for line in lines)


def test_words_of_others_are_never_markup() -> None:
    begin = replace(started(), who="[red]kim[/red]")
    assert "[red]kim[/red]" in "\n".join(drawn(shown(written(begin=begin))))


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.0, "┄┄┄┄"), (0.01, "╸┄┄┄"), (0.5, "━━┄┄"), (0.6, "━━╸┄"), (1.0, "━━━━"), (9.0, "━━━━")],
)
def test_bars_tell_without_colour(part: float, text: str) -> None:
    assert meter(part, 4, "green").plain == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min 01 s"), (3723, "1 h 02 min")]
)
def test_times_are_told_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
