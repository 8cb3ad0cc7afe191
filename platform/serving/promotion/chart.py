"""Charts as SVG inside HTML: lines scale with the page, text does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

_WIDTH: Final = 1000
_HEIGHT: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    name: str
    style: Literal["canary", "stable", "limit", "doubt"]
    points: Sequence[float | None]
    """One for each time; None where there is nothing to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    title: str
    series: Sequence[Series]
    ticks: Sequence[tuple[float, str]]
    """Values with what is written beside them, lowest first: they span the chart."""
    says: str
    """The chart in a sentence, also for those who cannot see it."""
    stepped: bool = False


def drawn(chart: Chart, times: Sequence[float], begin: str, end: str) -> str:
    marks = "".join(
        f'<line x1="0" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        for y in (_y(chart, value) for value, _ in chart.ticks)
    )
    lines = "".join(
        f'<path class="{series.style}" d="{_path(chart, series.points, times)}"/>'
        for series in chart.series
    )
    labels = "".join(
        f'<span style="top:{100 * _y(chart, value) / _HEIGHT:.1f}%">{escape(text)}</span>'
        for value, text in chart.ticks
    )
    keys = "".join(
        f'<span class="key {series.style}">{escape(series.name)}</span>' for series in chart.series
    )
    return (
        f"<figure><figcaption><h3>{escape(chart.title)}</h3><p>{keys}</p></figcaption>"
        f'<div class="plot"><div class="ticks">{labels}</div>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(chart.says)}"><g class="grid">{marks}</g>{lines}</svg></div>'
        f'<div class="times"><span>{escape(begin)}</span><span>{escape(end)}</span></div>'
        f"<p>{escape(chart.says)}</p></figure>"
    )


def _y(chart: Chart, value: float) -> float:
    low, high = chart.ticks[0][0], chart.ticks[-1][0]
    share = (value - low) / (high - low)
    return _HEIGHT * (1 - min(max(share, 0.0), 1.0))


def _path(chart: Chart, points: Sequence[float | None], times: Sequence[float]) -> str:
    span = max(times[-1] - times[0], 1e-9)
    parts: list[str] = []
    drawing = False
    for time, value in zip(times, points, strict=True):
        if value is None:
            drawing = False
            continue
        x, y = _WIDTH * (time - times[0]) / span, _y(chart, value)
        if drawing and chart.stepped:
            parts.append(f"H{x:.1f}V{y:.1f}")
        else:
            parts.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
        drawing = True
    return "".join(parts)
