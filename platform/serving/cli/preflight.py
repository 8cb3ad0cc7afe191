"""`serving preflight`: what an update of an AWS stack would fall over late, looked up before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from serving.preflight.finding import Finding
    from serving.preflight.run import Check
    from serving.preflight.stack import Stack

MARKS: Final = {
    "pass": "[green]pass[/]",
    "fail": "[bold red]fail[/]",
    "unknown": "[yellow]unknown[/]",
}


def preflight(
    stack: Annotated[
        str, typer.Option("--stack", "-s", metavar="NAME", help="What is to be built; dev or prod.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Look up what `pulumi up` of an AWS stack would fall over late. Changes nothing.

    That is credentials, zones, networks, quotas, offers of instances, versions, who administers the
    cluster and who reaches it, the certificate, secrets.
    """
    from serving.preflight.account import Account
    from serving.preflight.checks import checks
    from serving.preflight.document import document, exit_code

    wanted = _stack(Path.cwd(), stack)
    if wanted is None:
        typer.echo(f"stack {stack} has nothing in AWS: `serving doctor` looks at this machine")
        return
    found = _run(checks(wanted, Account(wanted.settings.region)))
    if as_json:
        typer.echo(json.dumps(document(wanted, found), indent=2))
    else:
        _show(found)
    raise typer.Exit(exit_code(found))


def _stack(folder: Path, name: str) -> Stack | None:
    """None where it builds nothing in AWS. Raises InputError."""
    from serving.cli.described import project_of
    from serving.preflight.stack import Stack
    from serving.settings import AwsSettings

    settings = project_of(folder, name).settings()
    if not isinstance(settings, AwsSettings):
        return None
    # brings all of Pulumi's libraries, which a local stack does not need
    from serving.stacks.charts import images, installed
    from serving.stacks.telemetry import GRAFANA_SECRET

    return Stack(
        stack=name,
        settings=settings,
        charts={chart.name: chart.version for chart in installed(settings)},
        images=images(settings),
        awaited=[GRAFANA_SECRET],
    )


def _run(wanted: Sequence[Check]) -> Sequence[tuple[Check, Sequence[Finding]]]:
    from serving.preflight.run import run

    waiting = list(wanted)

    def shown() -> Text:
        names = ", ".join(dict.fromkeys(check.name for check in waiting))
        done = f"{len(wanted) - len(waiting)} of {len(wanted)} done"
        return Text(f"{done}, waiting for {names}" if names else done, "", no_wrap=True)

    with Console(stderr=True).status(shown()) as status:

        def heard(check: Check) -> None:
            waiting.remove(check)
            status.update(shown())

        return run(wanted, heard)


def _show(found: Sequence[tuple[Check, Sequence[Finding]]]) -> None:
    from serving.preflight.document import counts

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("found", overflow="fold")
    for row in _rows(found):
        table.add_row(*row)
    console = Console(width=None if Console().is_terminal else 160, highlight=False)
    console.print(table)
    console.print()
    console.print(", ".join(f"{count} {named}" for named, count in counts(found).items() if count))


def _rows(found: Sequence[tuple[Check, Sequence[Finding]]]) -> Iterator[tuple[str, str, str]]:
    """What nobody answered for one and the same reason is one row."""
    each_of = [(check.name, each) for check, findings in found for each in findings]
    unanswered: dict[tuple[str, str | None], list[str]] = {}
    for name, each in each_of:
        if each.outcome == "unknown":
            unanswered.setdefault((each.said, each.do), []).append(name)
    for name, each in each_of:
        names = unanswered.pop((each.said, each.do), None) if each.outcome == "unknown" else []
        if names is None:
            continue
        about = each.about if len(names) < 2 else ", ".join(dict.fromkeys(names))
        said = f"[bold]{escape(about)}[/]: {escape(each.said)}"
        shown = name if len(names) < 2 else f"{len(names)} checks"
        yield MARKS[each.outcome], shown, _with_remedy(said, each.do)


def _with_remedy(said: str, do: str | None) -> str:
    return f"{said}\n[bold]do:[/] {escape(do)}" if do else said
