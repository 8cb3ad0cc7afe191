"""`serving demo`: the whole platform on this machine, a good version and several bad ones."""

from __future__ import annotations

import fcntl
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import typer
from rich.console import Console

from serving.errors import InputError, ServingError

if TYPE_CHECKING:
    from serving.demo.facts import Facts
    from serving.demo.show import Screen
    from serving.stacks.local.place import Place

STACK: Final = "demo"
LOG_WIDTH: Final = 110
"""Of the closing table where there is no terminal."""


class NotAsExpected(ServingError):
    """A promotion of the demo did not end as it had to, or requests were lost."""

    exit_code: ClassVar[int] = 1


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the stack running, and say what to try.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page; in the state folder by default.")
    ] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write what was seen as JSON.")
    ] = None,
) -> None:
    """Bring up a local stack, promote good and bad versions under load, show what callers saw."""
    from serving.demo.facts import write
    from serving.demo.report import report as page
    from serving.demo.stage import require_checkout
    from serving.demo.table import closing, summary
    from serving.stacks.local.place import place_of

    require_checkout()
    place = place_of(STACK)
    report = report or place.root.parent / f"{STACK}.html"
    with _alone(place):
        facts, next_ = _played(place, keep=keep)
        try:
            report.write_text(page(facts), encoding="utf-8")
            if as_json:
                write(facts, as_json)
        except OSError as error:
            raise InputError(f"{error.filename}: cannot be written: {error.strerror}") from error
    console = Console()
    if not console.is_terminal:
        console.width = LOG_WIDTH
    console.print(closing(facts))
    for line in (*summary(facts), f"report: {report}", *next_):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if facts.problems:
        raise NotAsExpected("\n".join(facts.problems))


def _played(place: Place, *, keep: bool) -> tuple[Facts, Sequence[str]]:
    """The facts, and what to try where the stack is kept.

    Otherwise it is brought down, whatever happens; without its files where all went well.
    """
    from serving.demo.counting import facts
    from serving.demo.preparing import prepare
    from serving.demo.run import play
    from serving.demo.trying import what_to_try
    from serving.local import control

    begun, kept, well = time.monotonic(), False, False
    try:
        screen = _screen()
        ready = prepare(place, screen)
        played, load = play(ready, screen)
        found = facts(played, load, ready.setup)
        kept, well = keep, not found.problems
        next_ = [what_to_try(ready, _typed("serving"), _typed("python"))] if keep else []
    finally:
        if not kept:
            control.down(place, purge=well)
            if not well:
                typer.echo(
                    f"what the stack and the promotions said is kept in {place.root}", err=True
                )
    return replace(found, whole_seconds=time.monotonic() - begun), next_


def _screen() -> Screen:
    from serving.demo.show import Lines, Picture

    console = Console()
    return Picture(console) if console.is_terminal else Lines(typer.echo)


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """One demo at a time; what an earlier one has left behind goes."""
    from serving.local import control

    place.root.parent.mkdir(parents=True, exist_ok=True)
    with place.root.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"a demo plays already in {place.root}: wait for its end") from None
        if place.root.exists() and not (place.root / STACK).is_dir():
            raise InputError(
                f"{place.root}: is a stack that no demo has made; bring it down first, with "
                f"`serving local down --stack {STACK} --purge`"
            )
        if place.root.exists():
            typer.echo(f"removing the stack of an earlier demo, {place.root}")
            control.down(place, purge=True)
        yield


def _typed(program: str) -> str:
    """How a program of this environment is called from here."""
    folder = Path(sys.executable).parent
    if shutil.which(program) == str(folder / program):
        return program
    here = folder.is_relative_to(Path.cwd())
    return str((folder.relative_to(Path.cwd()) if here else folder) / program)
