"""`serving promote abort, approve, retire`: what people decide about a version."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from serving.cli.caller import caller
from serving.cli.promote import LOCAL, Stack
from serving.cli.running import (
    EXIT_CODES_TOLD,
    AsJson,
    Commit,
    Plain,
    Verbs,
    setting_of,
)

if TYPE_CHECKING:
    from serving.promotion.record import Ended
    from serving.promotion.setting import Setting

Model: TypeAlias = Annotated[str, typer.Argument(help="Whose last promotion is meant.")]
Reason: TypeAlias = Annotated[
    str, typer.Option(metavar="WHY", help="It is recorded, with your name.")
]


def abort(
    model: Model,
    reason: Reason,
    stack: Stack = LOCAL,
    commit: Commit = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Take a version back: its weight goes to zero at once, whoever runs its promotion, or nobody.

    Also after 100 %, as long as the version before is kept warm.
    """
    from serving.promotion import asking
    from serving.promotion.engine import EXIT_CODES

    def ask(setting: Setting) -> Ended | None:
        return asking.abort(setting, model, reason)

    ended = _asked(ask, model, stack, commit, as_json=as_json, plain=plain)
    if ended is not None and ended.outcome != "rolled back":
        raise typer.Exit(EXIT_CODES[ended.outcome])


def approve(
    model: Model,
    reason: Reason,
    override: Annotated[
        bool, typer.Option("--override", help="Go on one step although a gate says no.")
    ] = False,
    config: Annotated[
        bool, typer.Option("--config", help="Go on with the configuration as it is now.")
    ] = False,
    stack: Stack = LOCAL,
    commit: Commit = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Answer a promotion that asks, and go on with it; exit codes as of `run`."""
    from serving.promotion import asking
    from serving.promotion.engine import EXIT_CODES

    def ask(setting: Setting) -> Ended | None:
        return asking.approve(setting, model, reason, override=override, config=config)

    ended = _asked(ask, model, stack, commit, as_json=as_json, plain=plain)
    if ended is not None:
        raise typer.Exit(EXIT_CODES[ended.outcome])


def _asked(
    ask: Callable[[Setting], Ended | None],
    model: str,
    stack: str,
    commit: Commit,
    *,
    as_json: bool,
    plain: bool,
) -> Ended | None:
    """How it ended, where it was done here."""
    with setting_of(stack, commit, as_json=as_json, plain=plain) as (setting, _):
        ended = ask(setting)
    if ended is None:
        taken = {"model": model, "taken_up": True}
        said = f"{model}: taken up by who runs it; `serving promote watch {model}` shows the rest"
        typer.echo(json.dumps(taken) if as_json else said)
    return ended


def retire(
    model: Annotated[str, typer.Argument(help="Of the stack.")],
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="The previous one by default.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--model", help="The model itself, once nobody sends it requests.")
    ] = False,
    stack: Stack = LOCAL,
    commit: Commit = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Remove the version that is kept warm after a promotion; refuses what has traffic."""
    import threading

    from serving.ground import ground_of
    from serving.promotion import retiring
    from serving.promotion.setting import Setting

    ground, stop = ground_of(stack), threading.Event()
    setting = Setting(ground=ground, person=caller(), stop=stop, commit=commit)
    gone: int | None = None
    if whole:
        retiring.retire_model(setting, model)
    else:
        gone = retiring.retire(setting, model, version)
    for each in setting.commits.problems(model, last=True) if setting.commits else ():
        typer.echo(f"notice: {each.to} does not have it: {each.problem}", err=True)
    if as_json:
        typer.echo(json.dumps({"model": model, "version": gone, "retired": True}))
    else:
        typer.echo(f"{model}: {f'version {gone}' if gone else 'the model'} is gone")


VERBS: Final[Verbs] = {
    "abort": (
        abort,
        'digits --reason "callers complain"\n\nExit codes: 0 rolled back, or taken up by who runs '
        "it; 12 the rollback failed; 2 bad input, or nothing to abort; 75 nobody took it up; 1 any "
        "other error.",
    ),
    "approve": (
        approve,
        'digits --override --reason "the errors are ours, ticket 12"\n\n'
        f"{EXIT_CODES_TOLD} Also 0: taken up by the process that runs it.",
    ),
    "retire": (
        retire,
        "digits\n\nExit codes: 0 it is gone; 2 it has traffic, or is not there; 75 a promotion "
        "of the model runs; 1 any other error.",
    ),
}
