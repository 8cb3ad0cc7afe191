"""Charts over the time of the demo as SVG inside HTML: lines scale with the page, text does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log
from typing import Final, TypeAlias

_WIDTH: Final = 1000
_HEIGHT: Final = 200

Points: TypeAlias = Sequence[tuple[float, float | None]]
"""Seconds and value; None interrupts the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    name: str
    style: str
    """Classes of the style sheet."""
    points: Points
    stepped: bool = False
    filled: bool = False
    """Down to the line before it, or to the bottom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of the time, or a moment."""

    begin: float
    end: float
    label: str
    title: str
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    title: str
    lines: Sequence[Line]
    ticks: Sequence[tuple[float, str]]
    """Values with what is written beside them, lowest first: they span the chart."""
    says: str
    """The chart in a sentence, also for those who cannot see it."""
    logarithmic: bool = False
    labelled: bool = False
    """The spans have their labels here."""


def drawn(chart: Chart, spans: Sequence[Span], seconds: float) -> str:
    labels = "".join(
        f'<span style="top:{100 * _y(chart, value) / _HEIGHT:.1f}%">{escape(text)}</span>'
        for value, text in chart.ticks
    )
    keys = "".join(
        f'<span class="key {line.style}">{escape(line.name)}</span>'
        for line in chart.lines
        if line.name
    )
    over = _labels(spans, seconds) if chart.labelled else ""
    times = "".join(
        f'<span style="left:{100 * at / seconds:.2f}%">{text}</span>'
        for at, text in _times(seconds)
    )
    return (
        f"<figure><figcaption><h3>{escape(chart.title)}</h3><p>{keys}</p></figcaption>{over}"
        f'<div class="plot"><div class="ticks">{labels}</div>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(chart.says)}">{_bands(spans, seconds)}{_grid(chart)}'
        f"{_lines(chart, seconds)}</svg></div>"
        f'<div class="times">{times}</div><p>{escape(chart.says)}</p></figure>'
    )


def _labels(spans: Sequence[Span], seconds: float) -> str:
    marks = "".join(
        f'<span class="{span.style}" title="{escape(span.title)}" '
        f'style="left:{50 * (span.begin + span.end) / seconds:.2f}%">{escape(span.label)}</span>'
        for span in spans
        if span.label
    )
    return f'<div class="spans">{marks}</div>'


def _bands(spans: Sequence[Span], seconds: float) -> str:
    return "".join(
        f'<rect class="{span.style}" x="{_WIDTH * span.begin / seconds:.1f}" y="0" '
        f'width="{max(_WIDTH * (span.end - span.begin) / seconds, 1):.1f}" height="{_HEIGHT}">'
        f"<title>{escape(span.title)}</title></rect>"
        for span in spans
    )


def _grid(chart: Chart) -> str:
    marks = "".join(
        f'<line x1="0" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        for y in (_y(chart, value) for value, _ in chart.ticks)
    )
    return f'<g class="grid">{marks}</g>'


def _lines(chart: Chart, seconds: float) -> str:
    """The last one lies below: what is stacked begins at the bottom."""
    drawn = "".join(
        f'<path class="{line.style}{" area" if line.filled else ""}" '
        f'd="{_path(chart, line, seconds)}"/>'
        for line in reversed(chart.lines)
    )
    return f"<g>{drawn}</g>"


def _path(chart: Chart, line: Line, seconds: float) -> str:
    parts: list[str] = []
    begun: float | None = None
    x = 0.0
    for at, value in [*line.points, (seconds, None)]:
        if value is None:
            if line.filled and begun is not None:
                parts.append(f"V{_HEIGHT}H{begun:.1f}Z")
            begun = None
            continue
        x, y = _WIDTH * at / seconds, _y(chart, value)
        if begun is None:
            parts.append(f"M{x:.1f} {y:.1f}")
            begun = x
        elif line.stepped:
            parts.append(f"H{x:.1f}V{y:.1f}")
        else:
            parts.append(f"L{x:.1f} {y:.1f}")
    return "".join(parts)


def _y(chart: Chart, value: float) -> float:
    low, high = chart.ticks[0][0], chart.ticks[-1][0]
    if chart.logarithmic:
        share = log(max(value, low) / low) / log(high / low)
    else:
        share = (value - low) / (high - low)
    return _HEIGHT * (1 - min(max(share, 0.0), 1.0))


def _times(seconds: float) -> Sequence[tuple[float, str]]:
    each = next((step for step in (10, 30, 60, 120, 300) if seconds / step <= 8), 600)
    return [(at, f"{at // 60}:{at % 60:02}") for at in range(0, int(seconds) + 1, each)]
