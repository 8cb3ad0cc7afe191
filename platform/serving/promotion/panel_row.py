"""The rows of a promotion on a terminal, each as wide as its frame."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from math import floor, log10
from typing import Final

from rich.console import Console
from rich.text import Text

from serving.promotion.lines import Line, Tone
from serving.promotion.shown import Shown
from serving.promotion.shown_arm import ShownArm
from serving.promotion.shown_gate import ShownGate

STYLES: Final[dict[Tone, str]] = {"good": "green", "bad": "red", "doubt": "yellow", "calm": ""}
STABLE: Final = "cyan"
CANARY: Final = "magenta"
NARROWEST: Final = 72
"""Columns, below which tables leave out what is least missed."""
ROOMY: Final = 104
LARGE_ODDS: Final = 1e5
"""From here on only the power of ten is told."""
_UNKNOWN: Final = "–"
_MEASURING: Final = Console(file=io.StringIO())
"""Rich breaks lines by the rules of a console, whatever it writes to."""


def split(shown: Shown, width: int) -> Text:
    """One bar for all requests: what each version is to get of them."""
    left = f"stable {shown.stable} " if shown.stable else ""
    right = f" {shown.weight:3} % canary {shown.version}"
    room = max(width - len(left) - len(right) - 6, 10)
    part = round(room * shown.weight / 100)
    if 0 < shown.weight < 100:
        part = min(max(part, 1), room - 1)
    text = Text.assemble((left, f"bold {STABLE}"), (f"{100 - shown.weight:3} % ", STABLE))
    text.append("█" * (room - part), STABLE)
    text.append("▒" * part, CANARY)
    return text.append(right, f"bold {CANARY}")


def steps(shown: Shown, width: int, now: datetime) -> Text:
    text = Text()
    for step in (*shown.steps, 100):
        here = step == shown.weight
        mark = "●" if here else "✓" if step < shown.weight else "○"
        style = f"bold {CANARY}" if here else "" if step < shown.weight else "dim"
        text.append(f"{mark}{step} ", style)
    text.append("%  ", "dim")
    if shown.outcome:
        return text
    expected = [f"{shown.phase}, {duration(_here(shown, now))}"]
    if shown.here_seconds not in (None, shown.left_seconds):
        expected.append(f"about {duration(shown.here_seconds or 0)} more")
    if shown.left_seconds is not None:
        expected.append(f"about {duration(shown.left_seconds)} to 100 %")
    while len(expected) > 1 and len(", ".join(expected)) > width - len(text):
        del expected[1 if len(expected) > 2 else 0]
    return text.append(", ".join(expected))


def _here(shown: Shown, now: datetime) -> float:
    """At this weight, or with this effect."""
    since = max((now - datetime.fromisoformat(shown.at)).total_seconds(), 0.0)
    return since + (0.0 if shown.acting else shown.step_seconds)


def table(shown: Shown, width: int) -> list[Text]:
    errors, p50, p99 = shown.limits
    header = ("arm", "requests", "per s", "errors", f"> {p50:g} ms", f"> {p99:g} ms", "p50", "p99")
    limits = ("limit", "", "", share(errors), share(0.5), share(0.01), f"{p50:g} ms", f"{p99:g} ms")
    columns = 8 if width >= NARROWEST else 6
    widths = (9, 9, 7, 8, 11, 11, 10, 11)[:columns]
    if width >= ROOMY:
        widths = (12, 12, 10, 12, 12, 12, 12, 12, 12)
    rows = [
        ([*header, "queue"], ["dim"] * 9),
        *(_row(arm, shown) for arm in shown.arms),
        ([*limits, f"{shown.queue_limit:g} ms"], ["dim"] * 9),
    ]
    return [_cells(cells, widths, styles) for cells, styles in rows]


def _cells(cells: Sequence[str], widths: Sequence[int], styles: Sequence[str]) -> Text:
    text = Text()
    for at, (cell, wide, style) in enumerate(zip(cells, widths, styles, strict=False)):
        text.append(cell.ljust(wide) if at == 0 else cell.rjust(wide), style)
    return text


def _row(arm: ShownArm, shown: Shown) -> tuple[list[str], list[str]]:
    canary = arm.version == shown.version
    errors, _, _ = shown.limits
    known = (
        (arm.errors, errors),
        (arm.slow_p50, 0.5),
        (arm.slow_p99, 0.01),
    )
    cells = [
        f"{'canary' if canary else 'stable'} {arm.version}",
        f"{arm.requests:,}",
        _UNKNOWN if arm.rate is None else f"{arm.rate:.1f}",
        *(share(value) for value, _ in known),
        _milliseconds("≤", arm.p50_ms),
        _milliseconds("≤", arm.p99_ms),
        _milliseconds("", arm.queue_ms),
    ]
    over = ["bold red" if value is not None and value > limit else "" for value, limit in known]
    return cells, [CANARY if canary else STABLE, "", "", *over, "", "", ""]


def gates(shown: Shown, width: int) -> list[Text]:
    bar = max((width - 44) // 2, 8) if width < ROOMY else 32
    odds = 12
    does = "rollback" if shown.armed else "asks"
    header = Text("gate".ljust(12))
    header.append(f"harm: {does} at {shown.rolls_back_at:.3g} to 1".ljust(bar + odds))
    header.append(f"safe: advances at {shown.advances_at:.3g} to 1")
    header.stylize("dim")
    together = _gate("together", shown.harm, shown.harm_odds, bar, odds)
    together.stylize("bold", 0, 12)
    telling = [each for each in shown.gates if _speaks(each)]
    silent = [each.name for each in shown.gates if not _speaks(each)]
    lines = [header, together, *(_asked(each, bar, odds) for each in telling)]
    if silent:
        lines.append(Text(f"nothing to say: {', '.join(silent)}", "dim"))
    return lines


def _speaks(gate: ShownGate) -> bool:
    return gate.harm is not None or gate.safe is not None or bool(gate.says)


def _gate(name: str, harm: float | None, against: float, bar: int, odds: int) -> Text:
    text = Text(name.ljust(12))
    if harm is not None:
        text.append_text(meter(harm, bar, _harm_style(harm)))
        text.append(f" {_odds(against)}".ljust(odds) if harm else " " * odds)
    return text


def _asked(gate: ShownGate, bar: int, odds: int) -> Text:
    text = _gate(gate.name, gate.harm, gate.harm_odds, bar, odds)
    if gate.safe is not None:
        text.append_text(meter(gate.safe, bar, "green")).append(" ")
        text.append("✓ " if gate.safe >= 1 else _requests(gate.needs), "dim")
    return text.append(gate.says, STYLES[gate.tone])


def balance(shown: Shown, width: int) -> Text:
    """All gates in one line: the harm together, and the gate least convinced of safety."""
    bar = max((width - 40) // 2, 6)
    asked = [each for each in shown.gates if each.safe is not None]
    least = min(asked, key=lambda each: each.safe or 0.0, default=None)
    text = (
        Text().append("harm ", "dim").append_text(meter(shown.harm, bar, _harm_style(shown.harm)))
    )
    text.append(f" {_odds(shown.harm_odds)}".ljust(14))
    if least is not None:
        text.append("safe ", "dim").append_text(meter(least.safe or 0.0, bar, "green"))
        text.append(f" {least.name}")
    return text


def verdict(shown: Shown, width: int) -> list[Text]:
    what = shown.outcome or shown.verdict or shown.phase
    badge = f"{STYLES[shown.tone] or 'default'} reverse bold"
    text = Text.assemble((f" {what} ", badge), " ", shown.reason)
    if shown.gate:
        text.append(f" ({shown.gate})", "dim")
    lines = list(text.wrap(_MEASURING, width))[:3]
    if len(lines) > 2:
        lines[1].append(" ").append_text(lines.pop())
    return lines


def event(line: Line) -> Text:
    at = datetime.fromisoformat(line.at).astimezone()
    text = Text().append(f"{at:%H:%M:%S} ", "dim")
    text.append(line.what, STYLES[line.tone] or "bold")
    return text.append(f" {line.text}" if line.text else "")


def meter(part: float, columns: int, style: str) -> Text:
    """Told apart without colour, too."""
    halves = round(2 * columns * min(max(part, 0.0), 1.0))
    if part > 0 and not halves:
        halves = 1
    full, half = divmod(halves, 2)
    text = Text().append("━" * full + "╸" * half, style)
    return text.append("┄" * (columns - full - half), "dim")


def _harm_style(part: float) -> str:
    return "bold red" if part >= 1 else "red" if part >= 0.5 else "yellow"


def _requests(needs: int) -> str:
    return f"{needs:,} more " if needs else ""


def _odds(value: float) -> str:
    if value >= LARGE_ODDS:
        return f"1e{floor(log10(value))} to 1"
    return f"{value:.3g} to 1" if value > 1 else "none"


def share(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{100 * value:.2f} %"


def _milliseconds(sign: str, value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return f"{sign} {value:g} ms" if sign else f"{value:.3g} ms"


def duration(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes, left = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {left:02} s" if minutes else f"{left} s"
