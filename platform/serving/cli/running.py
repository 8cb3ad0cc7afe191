"""`serving promote run, resume, watch`: a promotion from its start to its end, shown meanwhile."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

from serving.cli.caller import caller
from serving.cli.promote import LOCAL, Stack
from serving.errors import InputError

if TYPE_CHECKING:
    from serving.promotion.promoting import Result
    from serving.promotion.ready import Wish
    from serving.promotion.setting import Setting

EXIT_CODES_TOLD: Final = (
    "Exit codes: 0 promoted; 10 rolled back; 11 held, or it asks a person; 12 a rollback failed; "
    "75 another process promotes the model; 130 interrupted at a safe point; 2 bad input, nothing "
    "was changed; 1 any other error. Of several models, the worst: 12, 1, 10, 11, 130, 0."
)

Verbs: TypeAlias = Mapping[str, tuple[Callable[..., None], str]]
"""By name, what they do, and what stands below their help."""
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON document a line.")]
Plain: TypeAlias = Annotated[
    bool, typer.Option("--plain", help="Lines also on a terminal, in place of the live view.")
]
Commit: TypeAlias = Annotated[
    Literal["locally", "push"] | None,
    typer.Option(
        envvar="SERVING_COMMIT",
        help="Commit each change of the stack's file to the branch that is checked out; `push` "
        "brings it to the branch's upstream too. Nothing waits for it, a failure is recorded.",
    ),
]
What: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="MODEL=VERSION…", help="Several are promoted side by side."),
]
Version: TypeAlias = Annotated[
    int | None, typer.Option("--version", min=1, help="Of the one MODEL that is named alone.")
]
Older: TypeAlias = Annotated[
    bool, typer.Option("--force-older", help="Going back to a lower number is meant.")
]
Waive: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="REASON",
        help="Let statistical gates roll back though nobody calibrated them; it is recorded.",
    ),
]
Degraded: TypeAlias = Annotated[
    str,
    typer.Option(
        "--stable-degraded",
        metavar="REASON",
        help="Stable is known to be sick: the canary need only be no worse; it is recorded.",
    ),
]
Anyway: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="REASON", help="Start though today's traffic does not decide it; it is recorded."
    ),
]


def run(
    what: What,
    version: Version = None,
    stack: Stack = LOCAL,
    older: Older = False,
    waive: Waive = "",
    degraded: Degraded = "",
    anyway: Anyway = "",
    commit: Commit = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Bring versions to all users by evidence, or take them back; go on with what was begun."""
    from serving.promotion.promoting import promote

    wishes = wishes_of(what, version, older=older, waive=waive, degraded=degraded, anyway=anyway)
    with setting_of(stack, commit, as_json=as_json, plain=plain) as (setting, tell):
        results = promote(setting, wishes, tell)
    _end(wishes, results, as_json)


def resume(
    models: Annotated[list[str], typer.Argument(metavar="MODEL…", help="Of one stack.")],
    stack: Stack = LOCAL,
    commit: Commit = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Go on with the last promotion of a model, wherever it was killed, stopped or asked."""
    from serving.promotion.promoting import exit_code
    from serving.promotion.promoting import resume as go_on

    with setting_of(stack, commit, as_json=as_json, plain=plain) as (setting, _):
        results = go_on(setting, models)
    for result in results:
        if result.problem:
            typer.echo(f"{result.model}: {result.problem}", err=True)
    raise typer.Exit(exit_code(results))


def watch(
    model: Annotated[str, typer.Argument(help="Whose last promotion is followed.")],
    stack: Stack = LOCAL,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Show a promotion that another process runs, until it ends; same exit codes as `run`."""
    from serving.cli.view import showing
    from serving.ground import ground_of
    from serving.promotion.engine import EXIT_CODES
    from serving.promotion.follow import follow
    from serving.promotion.latest import latest
    from serving.promotion.lease import is_held
    from serving.promotion.lease_store import lease_at

    ground = ground_of(stack)
    last = latest(ground.journals, model)
    if last is None:
        raise InputError(f"model {model}: no promotion was recorded in {ground.journals}")
    lease = lease_at(f"{ground.leases.rstrip('/')}/{model}")
    with showing(as_json=as_json, plain=plain or None) as heard:
        ended = follow(last.store, heard, lambda: is_held(lease), time.sleep)
    if ended is None:
        typer.echo(f"nobody runs it: `serving promote resume {model}` goes on", err=True)
    raise typer.Exit(EXIT_CODES[ended.outcome] if ended else EXIT_CODES["held"])


def wishes_of(
    what: Sequence[str],
    version: int | None,
    *,
    older: bool = False,
    waive: str = "",
    degraded: str = "",
    anyway: str = "",
) -> list[Wish]:
    from serving.promotion.ready import Wish

    return [
        Wish(
            model=model,
            version=number,
            older=older,
            waive=waive,
            stable_degraded=degraded,
            anyway=anyway,
        )
        for model, number in (_pair(each, version, len(what)) for each in what)
    ]


def _pair(text: str, version: int | None, count: int) -> tuple[str, int]:
    model, given, number = text.partition("=")
    if not given and count == 1 and version is not None:
        return model, version
    if version is not None or not number.isdecimal() or int(number) < 1:
        raise InputError(
            f"{text}: expected MODEL=VERSION, such as digits=2, or one MODEL with --version"
        )
    return model, int(number)


@contextmanager
def setting_of(
    stack: str, commit: Commit, *, as_json: bool, plain: bool
) -> Iterator[tuple[Setting, Callable[[str], None]]]:
    """Ctrl-C stops at the next safe point. What is told on the way waits for the live view."""
    from serving.cli.view import showing
    from serving.ground import ground_of
    from serving.promotion.setting import Setting
    from serving.promotion.stopping import stop_asked

    lines = as_json or plain or not sys.stdout.isatty()
    notices: list[str] = []

    def notice(text: str) -> None:
        """To the standard error stream: what is machine-readable stays so."""
        if lines:
            typer.echo(f"notice: {text}", err=True)
        else:
            notices.append(text)

    def changed(text: str) -> None:
        """What the update does to the stack has no place beside the live view."""
        if lines:
            typer.echo(f"  {text}", err=True)

    ground = ground_of(stack, changed)
    try:
        with stop_asked() as stop, showing(as_json=as_json, plain=lines) as heard:
            setting = Setting(ground=ground, person=caller(), heard=heard, stop=stop, commit=commit)
            yield setting, notice
    finally:
        for text in notices:
            typer.echo(f"notice: {text}", err=True)


def _end(wishes: Sequence[Wish], results: Sequence[Result], as_json: bool) -> None:
    from serving.promotion.promoting import exit_code

    versions = {wish.model: wish.version for wish in wishes}
    for result in results:
        if result.problem:
            typer.echo(f"{result.model}: {result.problem}", err=True)
        elif result.ended is None:
            done = {"model": result.model, "version": versions[result.model], "outcome": "done"}
            said = f"{result.model}: version {versions[result.model]} is stable already"
            typer.echo(json.dumps(done) if as_json else said)
    raise typer.Exit(exit_code(results))


VERBS: Final[Verbs] = {
    "run": (run, f'digits=2 tickets=3 --waive "one server only"\n\n{EXIT_CODES_TOLD}'),
    "resume": (resume, f"digits\n\n{EXIT_CODES_TOLD}"),
    "watch": (watch, f"digits\n\n{EXIT_CODES_TOLD}"),
}
