"""The closing table, and the figures of the load, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from serving.demo.facts import Facts, Promotion
from serving.demo.figures import Row

STYLES: Final = {"promoted": "green", "rolled back": "red"}


def closing(facts: Facts) -> Table:
    table = Table(box=None, pad_edge=False, title_justify="left")
    for name in ("", "VERSION", "VERDICT", "GATE", "SECONDS", "EXPOSED", "BAD", "LOST"):
        right = name in ("", "SECONDS", "EXPOSED", "BAD", "LOST")
        table.add_column(name, justify="right" if right else "left")
    for number, each in enumerate(facts.promotions, 1):
        table.add_row(f"{number}", *_promotion(each))
    return table


def _promotion(each: Promotion) -> Sequence[Text | str]:
    lost = f"{each.lost}" + (
        f" + {each.lost_to_kill}*" if each.disturbance == "server killed" else ""
    )
    return (
        f"{each.version}  {each.about}",
        Text(each.outcome, STYLES.get(each.outcome, "yellow")),
        each.gate or "-",
        f"{each.seconds:.0f}",
        f"{each.exposed}",
        f"{each.bad}",
        lost,
    )


def summary(facts: Facts) -> Sequence[str]:
    """What the table does not say."""
    by_promotion = facts.lost - facts.lost_to_kill
    return (
        f"{facts.requests} requests in {facts.seconds:.0f} s; lost by promotion and rollback: "
        f"{by_promotion}; lost to the killed server (*): {facts.lost_to_kill}; "
        f"answered badly by the models: {facts.bad}",
        f"waived: calibration of the statistical rollback ({facts.waiver})",
        f"the whole demo took {facts.whole_seconds:.0f} s",
    )


def load(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    table.add_column("REQUESTS ANSWERED BY")
    for name in ("NOW", "p50", "p99", "IN ALL", "ERRORS", "WRONG", "LOST"):
        table.add_column(name, justify="right")
    for row in rows:
        who = f"{row.model} {row.version}" if row.version is not None else f"{row.model}, nobody"
        table.add_row(
            who,
            f"{row.rps:.0f}/s",
            _ms(row.p50_ms),
            _ms(row.p99_ms),
            f"{row.requests}",
            f"{row.errors}",
            f"{row.wrong}",
            Text(f"{row.lost}", "bold red" if row.lost else ""),
            style="" if row.rps else "dim",
        )
    return table


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
