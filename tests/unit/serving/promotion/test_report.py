from __future__ import annotations

import re
from functools import partial
from html.parser import HTMLParser

import pytest

from serving.promotion import timeline as timeline_module
from serving.promotion.decision import Facts
from serving.promotion.journal import Journal, Store, records
from serving.promotion.measurement import Window
from serving.promotion.record import Resumed, Waived
from serving.promotion.report import report
from serving.promotion.timeline import MOST_CHANGES, Timeline
from tests.unit.serving.promotion.recorded import (
    NOON,
    Kept,
    Promotion,
    kept,
    simulated,
    started,
)
from tests.unit.serving.promotion.windows import blind, window


class Page(HTMLParser):
    """Fails where tags do not close in order."""

    VOID = ("meta",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [name for name, _ in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def timeline(store: Store) -> Timeline:
    return Timeline.of(records(store))


def test_the_page_shows_measures_evidence_and_decisions_and_needs_nothing_else() -> None:
    text = report(timeline(kept(simulated(1, 200, errors=0.05, since=20))))
    page = Page(text)
    assert page.links == []
    assert page.tags.count("svg") == 5
    assert "script" not in page.tags
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    for part in ("rolled back", "Slower than 250 ms", "rolls back at 100 to 1", "limit 0.5 %",
                 "advances at 20 to 1", "started by</dt><dd>kim", "0a1b2c3"):  # fmt: skip
        assert part in text


def test_the_last_hash_stands_on_the_page() -> None:
    store = kept(simulated(1, 200))
    *_, last = records(store)
    assert f"<code>{last.hash}</code>" in report(timeline(store))


def test_words_of_others_are_text_and_never_markup() -> None:
    store = Kept()
    evil = "<script>alert(1)</script>\"'"
    Promotion(store, started(), simulated(1, 3), {2: Facts(abort=evil)}).run()
    text = report(timeline(store))
    assert "script" not in Page(text).tags
    assert "&lt;script&gt;alert(1)" in text


def quiet(at: int, weight: int) -> Window:
    return window(0, rps=2, started=15.0 * at)


@pytest.mark.parametrize("windows", [20, 21, 22, 80, 87, 167])
def test_a_long_promotion_fits_on_the_page_and_loses_no_request(
    monkeypatch: pytest.MonkeyPatch, windows: int
) -> None:
    monkeypatch.setattr(timeline_module, "MOST_SLICES", 20)
    line = timeline(kept([partial(quiet, at) for at in range(windows)]))
    assert 10 <= len(line.slices) <= 20
    assert sum(s.stable.requests for s in line.slices) == windows * 30
    lengths = [round((s.end - s.begin) / 15) for s in line.slices]
    assert lengths[:-1] == [lengths[0]] * (len(lengths) - 1)


def test_no_more_decisions_are_listed_than_a_person_reads() -> None:
    store = Kept()
    Promotion(store, started(), simulated(1, 3)).run()
    journal = Journal(store, lambda: NOON)
    journal.resume(lambda record: None)
    for number in range(MOST_CHANGES + 50):
        if number % 2:
            journal.append(Resumed(engine="e", who="kim", commit="c"))
        else:
            journal.append(Waived(what="calibration", who="kim", reason=f"{number}"))
    line = timeline(store)
    assert len(line.changes) == MOST_CHANGES
    text = report(line)
    assert f"{line.left_out} more are left out here" in text
    assert "by kim: 0<" in text
    assert f"by kim: {MOST_CHANGES + 48}<" in text


@pytest.mark.parametrize("windows", [0, 1])
def test_a_promotion_that_has_hardly_begun_has_a_page(windows: int) -> None:
    store = kept(simulated(1, windows))
    Page(text := report(timeline(store)))
    assert "unfinished" in text


def test_time_without_metrics_is_a_gap_in_the_lines() -> None:
    store = Kept()
    script = [window(5), window(5), blind(), blind(), window(5), window(5)]
    Promotion(store, started(), [lambda weight, w=w: w for w in script]).run()
    paths = re.findall(r'<path class="stable" d="([^"]*)"', report(timeline(store)))
    assert [path.count("M") for path in paths] == [2, 2]
