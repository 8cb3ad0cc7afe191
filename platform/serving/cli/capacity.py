"""`serving capacity`: what fits on a stack's nodes, what it costs, what is spare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from serving.cli.described import described
from serving.errors import InputError

if TYPE_CHECKING:
    from serving.capacity.report import Report


def capacity(
    stack: Annotated[
        str, typer.Option("--stack", "-s", metavar="NAME", help="Whose nodes; dev or prod.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    drawn: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Also draw it, as SVG."),
    ] = None,
) -> None:
    """Show what fits on a stack's nodes, what is spare with a zone lost, and what it costs.

    Asks nobody: all of it follows from Pulumi.<stack>.yaml, the models, the tenants and a price
    list. Exit code 1 if a model fits nowhere.
    """
    from serving.capacity.document import document
    from serving.capacity.picture import picture
    from serving.capacity.remarks import misfit
    from serving.capacity.report import report

    found = report(*described(Path.cwd(), stack))
    if drawn:
        try:
            drawn.write_text(picture(found, stack), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{drawn}: {error.strerror}") from None
    if as_json:
        typer.echo(json.dumps(document(found), indent=2))
    else:
        _show(found)
    if any(misfit(name, model) for name, model in found.models.items()):
        raise typer.Exit(1)


def _show(found: Report) -> None:
    from serving.capacity.remarks import remarks
    from serving.capacity.table import summary, tables

    # A table is as wide as its figures: a terminal that is not wraps them, and none is cut off.
    console = Console(width=1000)
    for each in tables(found):
        table = Table(
            title=each.title, title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        for heading in each.header:
            table.add_column(heading, no_wrap=True)
        for row in each.rows:
            table.add_row(*row)
        console.print(table)
        console.print()
    console.print(summary(found), soft_wrap=True, highlight=False)
    for remark in remarks(found):
        console.print(f"! {remark}", markup=False, soft_wrap=True, highlight=False)
