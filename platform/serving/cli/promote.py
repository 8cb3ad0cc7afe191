"""`serving promote …`: what promotions did, from their journals alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, ClassVar, Final, TypeAlias

import typer

from serving.errors import InputError, ServingError
from serving.promotion import explain, history, replay, report
from serving.promotion.course import engine_version
from serving.promotion.journal import readable, records
from serving.promotion.place import open_store, stores_in
from serving.promotion.timeline import Timeline

REASON_CHARACTERS: Final = 90

app = typer.Typer(help="Bring a version to users by evidence.", no_args_is_help=True)

Where: TypeAlias = Annotated[
    str, typer.Argument(metavar="JOURNAL", help="A file, or s3://bucket/prefix of one journal.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
LOCAL: Final = "local"
Place: TypeAlias = Annotated[
    str | None,
    typer.Option("--in", metavar="PLACE", help="A folder or s3://bucket/prefix; of the stack."),
]
Stack: TypeAlias = Annotated[
    str, typer.Option("--stack", "-s", metavar="NAME", help="Whose models are promoted.")
]


class Differs(ServingError):
    """The journal is sound, but would be decided differently now."""

    exit_code: ClassVar[int] = 1


@app.command("replay", epilog="Example: serving promote replay journals/digits/2.jsonl")
def replay_journal(where: Where, as_json: AsJson = False) -> None:
    """Decide everything again from what was recorded; exit code 1 if one decision differs."""
    result = replay.replay(records(open_store(where)))
    if as_json:
        typer.echo(json.dumps({**asdict(result), "same_engine": result.same_engine}))
    other = ""
    if not result.same_engine:
        other = (
            f"it was decided by engine {result.engine}, this is {engine_version()}: only the same "
            "engine promises the same decisions"
        )
    if (difference := result.difference) is not None:
        raise Differs(
            f"{where}: line {difference.line} would be decided differently now; {other}\n"
            f"recorded: {difference.recorded}\nnow:      {difference.now}"
        )
    if not as_json:
        typer.echo(
            f"{where}: {result.decisions} decisions in {result.records} records, all decided the "
            f"same again; last hash {result.head}"
        )
    if other:
        typer.echo(f"notice: {other}", err=True)


@app.command("explain", epilog="Example: serving promote explain journals/digits/2.jsonl --line 12")
def explain_journal(
    where: Where,
    line: Annotated[
        int | None, typer.Option(min=1, help="Of the decision; the last one by default.")
    ] = None,
) -> None:
    """Say why a promotion advanced, held, asked or rolled back, and what would change that."""
    text = explain.explain(readable(open_store(where), _notice), line)
    if text is None:
        what = "no decision was recorded yet" if line is None else f"line {line} is no decision"
        raise InputError(f"{where}: {what}; `serving promote report` shows the lines of all")
    typer.echo(text)


@app.command("history", epilog="Example: serving promote history digits --stack local")
def list_promotions(
    model: Annotated[str | None, typer.Argument(help="All models by default.")] = None,
    place: Place = None,
    stack: Stack = LOCAL,
    as_json: AsJson = False,
) -> None:
    """List promotions by model and time; exit code 2 if a journal cannot be read."""
    found = list(history.rows(stores_in(place or place_of(stack), model)))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in found]))
    else:
        header = ("MODEL", "VERSION", "STARTED", "BY", "OUTCOME", "REASON", "JOURNAL")
        _print_columns([header, *(_cells(row) for row in found if not row.problem)])
    problems = [row.problem for row in found if row.problem]
    if problems:
        raise InputError("\n".join(problems))


@app.command("report", epilog="Example: serving promote report journals/digits/2.jsonl --to a.html")
def write_report(
    where: Where,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The page, which needs no other file.")],
) -> None:
    """Write one HTML page: weight, latency, errors, evidence and decisions over time."""
    page = report.report(Timeline.of(readable(open_store(where), _notice)))
    try:
        to.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{to}: cannot be written: {error.strerror}") from error
    typer.echo(f"{to}: {len(page.encode())} bytes")


def place_of(stack: str) -> str:
    """Where its journals lie."""
    from serving.ground import ground_of

    return ground_of(stack).journals


def _notice(text: str) -> None:
    typer.echo(f"notice: {text}", err=True)


def _cells(row: history.Row) -> Sequence[str]:
    against = f" over {row.stable}" if row.stable else ""
    started = row.started[:19].replace("T", " ")
    return (
        row.model, f"{row.version}{against}", started, row.who, row.outcome, _short(row.reason),
        row.where,
    )  # fmt: skip


def _short(reason: str) -> str:
    """What programs say may be long; `--json` has all of it."""
    first, *more = reason.splitlines() or [""]
    return f"{first[:REASON_CHARACTERS]}…" if more or len(first) > REASON_CHARACTERS else first


def _print_columns(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
