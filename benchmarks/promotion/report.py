"""The scoreboard as a page for people, and the bars it must clear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from benchmarks.promotion.scenario import REGRESSIONS, Scenario
from benchmarks.promotion.scoreboard import OURS, RETUNED, RETUNED_TO_OURS, TUNED, Cell

HALF, FLOOR = 0.5, 1e-9
EXTRA = (RETUNED, RETUNED_TO_OURS)
LAST_WATCH_MINUTE = 14.0


def table(cells: Sequence[Cell], show: Callable[[Cell], str]) -> str:
    policies = list(dict.fromkeys(cell.policy for cell in cells if cell.policy not in EXTRA))
    rows: dict[str, dict[str, Cell]] = {cell.scenario: {} for cell in cells}
    for cell in cells:
        rows[cell.scenario][cell.policy] = cell
    lines = [
        "| scenario | " + " | ".join(policies) + " |",
        "|---" * (len(policies) + 1) + "|",
    ]
    for scenario, row in rows.items():
        lines.append(f"| {scenario} | " + " | ".join(show(row[p]) for p in policies) + " |")
    return "\n".join(lines)


def healthy(cell: Cell) -> str:
    minutes = "" if cell.minutes_to_full is None else f" ({cell.minutes_to_full:.1f})"
    asked = f", asks {cell.asked:.1%}" if cell.asked else ""
    return f"{cell.rollback:.1%} · {cell.promoted:.0%}{minutes}{asked}"


def regression(cell: Cell) -> str:
    minutes = "–" if cell.minutes_to_rollback is None else f"{cell.minutes_to_rollback:.1f}"
    return f"{cell.rollback:.1%} · {minutes} · {cell.promoted:.0%} · {cell.excess:.0f}"


def bars(cells: Sequence[Cell]) -> Iterable[tuple[str, bool, str]]:
    """Name, cleared, figures."""
    by = {(cell.scenario, cell.policy): cell for cell in cells}
    ours = [cell for cell in cells if cell.policy == OURS]
    for cell in ours:
        if cell.healthy:
            yield (
                f"false rollback ≤ 1 %: {cell.scenario}",
                cell.rollback_high <= 0.01,
                f"{cell.rollback:.2%}, at most {cell.rollback_high:.2%}",
            )
            argo = by[cell.scenario, "Argo tuned"]
            plain = not any(word in cell.scenario for word in ("on both", "no metrics", "0.2 rps"))
            plain = (
                plain and "both 2.0%" not in cell.scenario and not cell.scenario.startswith("2 ")
            )
            if plain and cell.minutes_to_full:
                full = argo.minutes_to_full or 20.0
                yield (
                    f"minutes to 100 % ≤ tuned Argo's + 25 %: {cell.scenario}",
                    cell.minutes_to_full <= 1.25 * full,
                    f"{cell.minutes_to_full:.1f} against {full:.1f}",
                )
    for scenario in REGRESSIONS:
        if (str(scenario), OURS) in by:
            yield from exposure(scenario, by)


def exposure(
    scenario: Scenario, by: dict[tuple[str, str], Cell]
) -> Iterable[tuple[str, bool, str]]:
    name = str(scenario)
    ours = by[name, OURS]
    if scenario.rps == 2:
        for policy in (RETUNED, RETUNED_TO_OURS):
            retuned = by[name, policy]
            yield (
                f"exposure no worse than {policy}: {name}",
                ours.excess <= retuned.excess,
                f"{ours.excess:.1f} against {retuned.excess:.1f} ({retuned.note})",
            )
        return
    if scenario.onset < LAST_WATCH_MINUTE:
        yield f"detected: {name}", ours.rollback == 1.0, f"{ours.rollback:.2%}"
    best = min((by[name, rival] for rival in TUNED), key=lambda cell: cell.excess)
    large = scenario.rps >= 200 or (scenario.canary or 0) >= 0.2
    part = HALF if large else 1.0
    if large or (scenario.canary or 0) >= 0.05:
        yield (
            f"exposure ≤ {part:g} × best tuned rival: {name}",
            ours.excess <= part * best.excess + FLOOR,
            f"{ours.excess:.1f} against {best.excess:.1f} ({best.policy})",
        )
    else:
        yield (
            f"exposure as near as can be (no bar): {name}",
            True,
            f"{ours.excess:.1f} against {best.excess:.1f} ({best.policy})",
        )


def page(cells: Sequence[Cell], command: str) -> str:
    good = [cell for cell in cells if cell.healthy]
    bad = [cell for cell in cells if not cell.healthy]
    ours = [cell for cell in cells if cell.policy == OURS]
    runs = cells[0].runs
    judged = [
        f"| {name} | {'yes' if cleared else '**no**'} | {figures} |"
        for name, cleared, figures in bars(cells)
    ]
    return "\n".join(
        (
            f"# Promotion scoreboard\n\n`{command}`: {runs} runs per cell, 60 minutes each, one "
            "window of 15 s, SLO 0.5 % errors, α 1 %, β 5 %. Rivals get canary-only queries and "
            "weights that change at once. Latency of the deployment itself is not simulated.\n\n"
            "![every cell](result.svg)\n",
            "## Healthy versions\n\nRolled back (an error) · promoted (mean minutes to 100 %)\n",
            table(good, healthy) if good else "",
            "\n## Regressions\n\nRolled back (right) · mean minutes · promoted (an error) · mean "
            "excess bad requests\n",
            table(bad, regression) if bad else "",
            "\n## Bars\n\n| bar | cleared | figures |\n|---|---|---|",
            *judged,
            "\n## What calibration chose\n",
            *(f"- {cell.scenario}: {cell.note}" for cell in ours),
            "",
        )
    )
