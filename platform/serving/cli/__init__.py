"""The `serving` command: what people type, and the exit codes scripts read."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer

from serving.cli import asking, local, model, planning, promote, running
from serving.cli.capacity import capacity
from serving.cli.dashboard import dashboard
from serving.cli.demo import demo
from serving.cli.doctor import doctor
from serving.cli.images import images
from serving.cli.preflight import preflight
from serving.cli.promotion import status
from serving.errors import ServingError

app = typer.Typer(
    name="serving",
    help="GPU inference described by one YAML per model and promoted by evidence.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(model.app, name="model")
app.add_typer(local.app, name="local")
promote.app.command("status", epilog="Example: serving promote status digits")(status)
for verbs in (planning.VERBS, running.VERBS, asking.VERBS):
    for verb, (command, epilog) in verbs.items():
        promote.app.command(verb, epilog=f"Example: serving promote {verb} {epilog}")(command)
app.add_typer(promote.app, name="promote")
app.command(
    "demo",
    epilog="Example: serving demo --keep\n\nExit codes: 0 every promotion ended as it had to, and "
    "none lost a request; 1 not so, or any other error; 2 bad input.",
)(demo)
app.command("capacity", epilog="Example: serving capacity -s prod")(capacity)
app.command(
    "preflight",
    epilog="Examples: serving preflight -s prod; serving preflight -s dev --json\n\nExit codes: 0 "
    "all is well; 1 something is wrong; 3 nothing is wrong, and something could not be looked at; "
    "2 bad input.",
)(preflight)
app.command("dashboard", epilog="Example: serving dashboard --stack local")(dashboard)
app.command("images", epilog="Example: serving images -s prod")(images)
app.command("doctor", epilog="Example: serving doctor --json")(doctor)


def main() -> None:
    """Run the command. A person sees one message, never a traceback."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app(prog_name="serving")
    except ServingError as error:
        typer.echo(f"{error}", err=True)
        sys.exit(error.exit_code)


def _terminated(number: int, frame: FrameType | None) -> None:
    """Leave through every `finally`: what was begun in a store or a process is cleared up."""
    sys.exit(128 + number)
