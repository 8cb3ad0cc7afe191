"""The page, the closing table and the live views, from facts."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from serving.demo.chart import Chart, Line, Span, drawn
from serving.demo.facts import Facts
from serving.demo.figures import Figures
from serving.demo.report import report
from serving.demo.show import Lines, Picture
from serving.demo.table import closing, summary
from serving.load import Reading
from serving.load.recording import Recording
from serving.promotion.follow import follow
from serving.promotion.journal_file import FileStore
from tests.unit.serving.demo.recorded import facts, promotion
from tests.unit.serving.load.requests import ERROR, LOST, RIGHT
from tests.unit.serving.promotion.recorded import Promotion, simulated, started
from tests.unit.serving.promotion.test_report import Page


def test_the_page_says_all_and_needs_nothing_else() -> None:
    text = report(facts())
    page = Page(text)
    assert page.links == []
    assert page.tags.count("svg") == 4
    for said in ("every promotion ended as expected", "300 ms slower", "start the canary"):
        assert said in text
    assert len(text) < 100_000


def test_the_page_says_what_went_wrong() -> None:
    seen = facts()
    wrong = replace(seen.promotions[3], outcome="promoted", reason="<b>safe</b>")
    text = report(replace(seen, promotions=[*seen.promotions[:3], wrong, *seen.promotions[4:]]))
    assert "not as expected" in text
    assert "promoted, expected: rolled back" in text
    assert "<b>safe</b>" not in text
    Page(text)


def test_a_demo_without_a_request_has_a_page_too() -> None:
    Page(report(replace(facts(), points=[], totals=[], seconds=1.0)))


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_line_stays_inside_its_chart(logarithmic: bool) -> None:
    line = Line(name="a", style="v1", points=[(0, 0.0), (5, 1e9), (10, None), (12, 5.0)])
    chart = Chart(
        title="t", lines=[line], ticks=[(1, "1"), (10, "10")], says="s", logarithmic=logarithmic
    )
    (path,) = re.findall(r'd="([^"]*)"', drawn(chart, [], 20))
    heights = [float(each) for each in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]
    assert (min(heights), max(heights)) == (0, 200)
    assert path.count("M") == 2, "an interruption begins a new line"


def test_a_moment_is_seen_and_a_span_has_its_label() -> None:
    chart = Chart(title="t", lines=[], ticks=[(0, "0"), (1, "1")], says="s", labelled=True)
    spans = [
        Span(begin=5, end=10, label="1✓", title="first", style="good"),
        Span(begin=7, end=7, label="", title="killed", style="event"),
    ]
    text = drawn(chart, spans, 20)
    assert 'width="250.0"' in text
    assert 'width="1.0"' in text
    assert text.count("left:37.50%") == 1


def test_the_table_has_a_row_for_each_promotion_and_counts_the_kill_apart() -> None:
    text = rendered(facts())
    rows = [line for line in text.splitlines() if re.match(r"\s*\d  ", line)]
    assert len(rows) == 6
    assert "0 + 2*" in rows[0]
    assert "lost by promotion and rollback: 0; lost to the killed server (*): 2" in text


def rendered(seen: Facts) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(closing(seen))
    for line in summary(seen):
        console.print(line)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture
def figures(tmp_path: Path) -> Figures:
    recording = Recording(tmp_path / "load.jsonl", began=0.0)
    for number in range(100):
        recording.add(replace(RIGHT, due=number / 10))
    recording.add(ERROR)
    recording.add(LOST)
    recording.close()
    found = Figures(Reading(tmp_path / "load.jsonl"))
    found.look()
    return found


def test_figures_are_of_late_and_in_all(figures: Figures) -> None:
    rows = {row.version: row for row in figures.rows}
    assert sum(row.requests for row in figures.rows) == 102
    assert figures.lost == 1
    assert rows[1].requests == 100
    assert rows[1].rps == pytest.approx(10, rel=0.05)
    assert rows[1].p99_ms == RIGHT.ms
    assert (rows[2].errors, rows[None].lost) == (1, 1)


def test_without_a_terminal_lines_tell_what_happens(tmp_path: Path, figures: Figures) -> None:
    journal = FileStore(tmp_path / "j.jsonl")
    Promotion(journal, started(), simulated(1, 200, errors=0.2)).run()
    said: list[str] = []
    lines = Lines(said.append)
    with lines.playing(figures):
        lines.act(0)
        follow(journal, lines.heard, runs=lambda: False, sleep=lambda _: None)
        lines.told("server killed")
        lines.look()
        lines.look()
        lines.ended(0, "rolled back")
    text = "\n".join(said)
    assert "1. version 2: better; its server is killed" in text
    assert ">> server killed" in text
    assert "rollback: " in text
    assert text.count("load: digits 1: 10/s, p99 4 ms, digits 2: 0/s, p99 4 ms; 1 lost so far") == 1


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 50), (200, 60)])
def test_a_terminal_shows_all_of_it_in_the_place_there_is(
    tmp_path: Path, figures: Figures, width: int, height: int
) -> None:
    journal = FileStore(tmp_path / "j.jsonl")
    Promotion(journal, started(), simulated(1, 30)).run()
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=width, height=height)
    picture = Picture(console)
    with picture.playing(figures):
        picture.ended(0, "rolled back")
        picture.act(1)
        follow(journal, picture.heard, runs=lambda: False, sleep=lambda _: None)
        picture.told("promoter killed")
        plain = Console(file=StringIO(), width=width, height=height)
        plain.print(picture.renderable(), height=height)
    assert isinstance(plain.file, StringIO)
    lines = plain.file.getvalue().splitlines()
    assert len(lines) == height
    text = "\n".join(lines)
    for said in ("✗ 2", "▶ 2", "promoter killed", "digits: version 2 over 1", "digits 1"):
        assert said in text


def test_a_promotion_of_the_sample_is_as_expected() -> None:
    from serving.demo.scenario import SCENARIO

    assert [promotion(n, act).problem for n, act in enumerate(SCENARIO)] == [""] * len(SCENARIO)
