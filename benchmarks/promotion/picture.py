"""The scoreboard as one picture: a row per scenario, a column per policy, darker is worse."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10

from benchmarks.promotion.scoreboard import RETUNED, RETUNED_TO_OURS, Cell

ROW, COLUMN, LABEL, TOP = 20, 92, 330, 54
GOOD, BAD = (233, 245, 238), (196, 60, 45)


def picture(cells: Sequence[Cell]) -> str:
    policies = list(
        dict.fromkeys(
            cell.policy for cell in cells if cell.policy not in (RETUNED, RETUNED_TO_OURS)
        )
    )
    scenarios = list(dict.fromkeys(cell.scenario for cell in cells))
    by = {(cell.scenario, cell.policy): cell for cell in cells}
    width = LABEL + COLUMN * len(policies)
    height = TOP + ROW * len(scenarios) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        text(8, 16, "Healthy versions: share rolled back, an error. "
             "Regressions (→): mean excess bad requests.", "start"),
    ]  # fmt: skip
    for column, policy in enumerate(policies):
        parts.append(text(LABEL + COLUMN * (column + 0.5), TOP - 10, policy))
    for row, scenario in enumerate(scenarios):
        y = TOP + ROW * row
        parts.append(text(LABEL - 8, y + 14, scenario, "end"))
        least = min(max(by[scenario, policy].excess, 1.0) for policy in policies)
        for column, policy in enumerate(policies):
            cell = by[scenario, policy]
            x = LABEL + COLUMN * column
            parts.append(
                f'<rect x="{x + 1}" y="{y + 1}" width="{COLUMN - 2}" height="{ROW - 2}" '
                f'fill="{colour(badness(cell, least))}"/>'
            )
            shown = f"{cell.rollback:.1%}" if cell.healthy else f"{max(cell.excess, 0.0):.0f}"
            parts.append(text(x + COLUMN / 2, y + 14, shown))
    return "\n".join([*parts, "</svg>", ""])


def badness(cell: Cell, least: float) -> float:
    """0 to 1: the share of wrong rollbacks, or how many powers of ten above the best policy."""
    if cell.healthy:
        return min(cell.rollback * 10, 1.0) if cell.rollback > 0.01 else 0.0
    return min(log10(max(cell.excess, 1.0) / least) / 2, 1.0)


def colour(badness: float) -> str:
    mixed = (round(g + (b - g) * badness) for g, b in zip(GOOD, BAD, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
