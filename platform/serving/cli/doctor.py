"""`serving doctor`: every program the platform runs, where it is from, what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from serving.toolchain.survey import Finding, State, survey

MARKS = {State.GOOD: "[green]ok[/]", State.ABSENT: "[dim]absent[/]", State.WRONG: "[red]wrong[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="one JSON list, for scripts")] = False,
) -> None:
    """Show every tool, its version, its origin, its age, and what is wrong with it."""
    findings = list(survey())
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in findings], default=str, indent=2))
    else:
        _show(findings)
    if any(each.state is State.WRONG for each in findings):
        raise typer.Exit(1)


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("tool", "state", "version", "from", "built"):
        table.add_column(heading, no_wrap=True)
    for each in findings:
        built = "" if each.days is None else f"{each.days} d ago" if each.days else "today"
        table.add_row(each.name, MARKS[each.state], each.version, each.origin, built)
    console = Console()
    console.print(table)
    for each in findings:
        if each.remark:
            console.print(f"{each.name}: {each.remark}", markup=False, soft_wrap=True)
