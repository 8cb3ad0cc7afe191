"""The protocol in the words of the design's table of failures, and what of it exists here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.torture.ledger import Result
from benchmarks.torture.points import (
    BEGIN,
    END,
    OBSERVE,
    Point,
    Where,
    points,
    stories,
)
from serving.promotion.phases import Phase


@dataclass(frozen=True, kw_only=True)
class Step:
    name: str
    theirs: int
    """Points that the design counts, four a step."""
    ours: Callable[[Point], bool]
    why: str = ""
    """They are not the same number."""


def _of(*actions: str, where: Where | None = None) -> Callable[[Point], bool]:
    return lambda point: point.site.action in actions and where in (None, point.where)


def _none(point: Point) -> bool:
    return False


STEPS: Final = (
    Step(name="P0 lease", theirs=4, ours=_of(BEGIN, where=Where.LEASED),
         why="one atomic file: there is no intent, and before it nothing has begun"),
    Step(name="P1 validate the record", theirs=4, ours=_of(BEGIN, where=Where.STARTED),
         why="reads only; its record is the start"),
    Step(name="P2 verify the artifact", theirs=4, ours=_of(Phase.VERIFY)),
    Step(name="P3 stage", theirs=4, ours=_none,
         why="a version is a folder that is never written again: nothing is staged"),
    Step(name="P4 load", theirs=4, ours=_of(Phase.DEPLOY)),
    Step(name="P5 warm-up, golden answers", theirs=4, ours=_of(Phase.WARM_UP, Phase.GOLDEN),
         why="two phases here"),
    Step(name="P6–P8 intent, weight, read-back", theirs=48, ours=_of(Phase.SHIFT),
         why="one intent, one effect and one record a step, and five steps in place of four"),
    Step(name="P9 observe, decide", theirs=16, ours=_of(OBSERVE),
         why="two records a window; also at 0 and at 100 %"),
    Step(name="P10 swap stable", theirs=4, ours=_of(Phase.PROMOTE)),
    Step(name="P11 drain, unload old", theirs=4, ours=_none,
         why="the version before stays warm until it is retired"),
    Step(name="P12 close, free the lease", theirs=4, ours=_of(END),
         why="one record; the lease ends with its process"),
)  # fmt: skip
BACK: Final = (
    Step(name="R1–R3 intent, weight 0, read-back", theirs=12,
         ours=_of(Phase.SHIFT, Phase.BREAK_GLASS), why="one intent, one effect, one record"),
    Step(name="R4 unload", theirs=4, ours=_of(Phase.REMOVE)),
    Step(name="R5 close", theirs=4, ours=_of(END), why="one record"),
)  # fmt: skip


def compared(results: Sequence[Result]) -> list[str]:
    """Rows of what exists, without and with an engine in it, and of what ran."""
    ran = {each.name for each in results}
    promotion, *rollbacks = stories()
    rows = [_row(step, list(points(promotion)), ran) for step in STEPS]
    back = [point for story in rollbacks for point in points(story)]
    rows += [_row(step, back, ran) for step in BACK]
    total = Counter[str]()
    for row in rows:
        total.update(row.numbers)
    return [
        f"The design counts {total['theirs']} points. Here there are {total['plain']} at which no "
        f"engine runs, and {total['engine']} more within its updates (an operation asked for or "
        f"done, × promoter, engine, both); the rollback is counted from each of five weights and "
        f"once past a locked stack. {total['ran']} of {total['plain'] + total['engine']} ran.",
        "",
        "| step of the design | its points | here, no engine | here, in the engine | ran | why |",
        "|---|---|---|---|---|---|",
        *(row.text for row in rows),
        "",
    ]


@dataclass(frozen=True, kw_only=True)
class _Row:
    text: str
    numbers: Counter[str]


def _row(step: Step, of: Sequence[Point], ran: set[str]) -> _Row:
    ours = [point for point in of if step.ours(point)]
    engine = sum(point.where.in_engine for point in ours)
    done = sum(point.name in ran for point in ours)
    plain = len(ours) - engine
    numbers = Counter(theirs=step.theirs, plain=plain, engine=engine, ran=done)
    text = f"| {step.name} | {step.theirs} | {plain} | {engine} | {done} | {step.why} |"
    return _Row(text=text, numbers=numbers)
