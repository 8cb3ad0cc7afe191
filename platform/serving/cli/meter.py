"""Progress on stderr: a bar with bytes and rate for a person, two lines for a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from serving.registry.transfer import Advance


@contextmanager
def meter(what: str, total: int) -> Iterator[Advance]:
    """A `transfer.Meter`."""
    console = Console(stderr=True)
    started = time.monotonic()
    if console.is_terminal:
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        text = TextColumn("{task.description}", markup=False)
        with Progress(text, *columns, console=console, transient=True) as progress:
            task = progress.add_task(what, total=total)
            yield lambda size: progress.advance(task, size)
    else:
        typer.echo(f"{what}: {decimal(total)} …", err=True)
        yield lambda size: None
    seconds = time.monotonic() - started
    rate = decimal(round(total / max(seconds, 0.001)))
    typer.echo(f"{what}: {decimal(total)} in {seconds:.1f} s, {rate}/s", err=True)
