"""`serving local …`: the platform on this machine."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, TypeAlias

import typer
from rich.console import Console
from rich.table import Table

from serving.errors import InputError, ServingError

if TYPE_CHECKING:
    from serving.stacks.local.place import Place
    from serving.stacks.local.status import ProcessStatus

app = typer.Typer(help="The whole platform on this machine.", no_args_is_help=True)

Stack: TypeAlias = Annotated[
    str, typer.Option("--stack", "-s", metavar="NAME", help="Several can run side by side.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
LOCAL: Final = "local"


class NotWell(ServingError):
    """Something that should run does not."""

    exit_code: ClassVar[int] = 1


@app.command("up", epilog="Example: serving local up")
def up(stack: Stack = LOCAL, as_json: AsJson = False) -> None:
    """Bring the stack up, or back to what its configuration says; what is well stays untouched."""
    from serving.local import control

    place, begun = _place(stack), time.monotonic()
    control.up(place, lambda text: typer.echo(f"  {text}", err=True))
    if as_json:
        typer.echo(json.dumps(_addresses(place)))
        return
    typer.echo(f"stack {stack} is up after {time.monotonic() - begun:.1f} s")
    _print_addresses(place)


@app.command("down", epilog="Example: serving local down --purge")
def down(
    stack: Stack = LOCAL,
    purge: Annotated[
        bool, typer.Option(help="Remove the store, the journals and all other files too.")
    ] = False,
) -> None:
    """End every process of the stack; its store and its journals stay."""
    from serving.local import control

    place = _place(stack)
    control.down(place, purge=purge, tell=lambda text: typer.echo(f"  {text}", err=True))
    left = "removed" if purge else f"kept in {place.root}"
    typer.echo(f"stack {stack} is down; its files are {left}")


@app.command("status", epilog="Example: serving local status --json")
def status(stack: Stack = LOCAL, as_json: AsJson = False) -> None:
    """Show what runs; exit code 1 if something that should run does not."""
    from serving.stacks.local.status import held_weights, missing, processes

    place = _place(stack)
    found, lacking = processes(place), missing(place)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
    elif not found:
        typer.echo(f"stack {stack} is not up")
    else:
        Console().print(_table(found))
    for model, shares in held_weights(place).items():
        told = ", ".join(f"{version} {share} %" for version, share in shares.items())
        typer.echo(f"notice: {model}: weights were changed directly, and stay: {told}", err=True)
    if wrong := [*(each.name for each in found if not each.alive), *lacking]:
        raise NotWell(
            f"{', '.join(wrong)}: not running, and nobody has stopped it: `serving local up "
            f"--stack {stack}` starts what is missing; `serving local logs {wrong[0]} --stack "
            f"{stack}` says what it said last"
        )


@app.command("logs", epilog="Example: serving local logs digits-1-1 --follow")
def logs(
    process: Annotated[str, typer.Argument(help="As `serving local status` names it.")],
    stack: Stack = LOCAL,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1)] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show what a process said last."""
    log = _log(_place(stack), process)
    command = ["tail", f"--lines={lines}", *(["--follow=name", "--retry"] if follow else [])]
    sys.exit(subprocess.run([*command, str(log)], check=False).returncode)


@app.command("url", epilog="Example: curl -H 'Host: digits.localhost' http://$(serving local url)/")
def url(
    what: Annotated[
        str, typer.Argument(help="gateway, gateway_admin, prometheus or store.")
    ] = "gateway",
    stack: Stack = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Print an address of the stack."""
    found = _addresses(_place(stack))
    if as_json:
        typer.echo(json.dumps(found))
    elif what in found:
        typer.echo(found[what])
    else:
        raise InputError(f"{what}: is no address, expected one of {', '.join(found)}")


@app.command("token", epilog="Example: serving local token vision")
def token(
    tenant: Annotated[str, typer.Argument(help="Whose models may be called with it.")],
    stack: Stack = LOCAL,
    minutes: Annotated[int, typer.Option(min=1, max=60 * 24)] = 60,
    pin: Annotated[
        bool, typer.Option(help="Let the caller choose a version by x-model-version.")
    ] = False,
) -> None:
    """Issue a token for the gateway, as an identity provider would."""
    from serving.local.project import issuer_of, project_of

    place = _place(stack)
    issuer = issuer_of(place)
    known = project_of(place).catalog().tenants
    if tenant not in known:
        raise InputError(f"{tenant}: is no tenant, expected one of {', '.join(sorted(known))}")
    typer.echo(issuer.issue(tenant, "somebody", minutes * 60, pin=pin))


@app.command("env", epilog='Example: eval "$(serving local env)" && pulumi stack ls')
def env(stack: Stack = LOCAL) -> None:
    """Print the variables with which Pulumi's own command works on this stack."""
    from serving.local.control import environment
    from serving.toolchain import locate

    for name, value in environment(_place(stack)).items():
        typer.echo(f"export {name}={shlex.quote(value)}")
    programs = (locate(name).path.parent for name in ("pulumi", "pulumi-language-python"))
    typer.echo(f"export PATH={':'.join(shlex.quote(str(folder)) for folder in programs)}:$PATH")


def _place(stack: str) -> Place:
    from serving.stacks.local.place import place_of

    return place_of(stack)


def _addresses(place: Place) -> dict[str, str]:
    from serving.stacks.local.status import addresses

    return asdict(addresses(place))


def _print_addresses(place: Place) -> None:
    for name, address in _addresses(place).items():
        typer.echo(f"  {name.replace('_', ' '):14} {address}")


def _log(place: Place, process: str) -> Path:
    log = place.log(process)
    if not log.is_file():
        known = ", ".join(sorted(path.stem for path in log.parent.glob("*.log"))) or "none"
        raise InputError(f"{process}: has no log here, expected one of: {known}")
    return log


def _table(found: Sequence[ProcessStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("NAME", "KIND", "STATE", "PID", "UP", "MEMORY", "PORTS"):
        table.add_column(title, justify="right" if title in ("PID", "UP", "MEMORY") else "left")
    for each in found:
        state = "[green]runs[/]" if each.alive else "[red]ended[/]"
        ports = " ".join(f"{purpose}:{port}" for purpose, port in sorted(each.ports.items()))
        up = _span(each.seconds) if each.alive else "-"
        memory = f"{each.rss_bytes / 2**20:.0f} MiB" if each.alive else "-"
        table.add_row(each.name, each.kind, state, str(each.pid), up, memory, ports)
    return table


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
