"""`serving model …`: check a contract, compare versions, show what follows from it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from serving.cli.registry import (
    MODELS,
    list_versions,
    prune_versions,
    publish_version,
    show_version,
    verify_version,
)
from serving.cli.validate import validate_version
from serving.contract.check import Checked, check, load
from serving.contract.compatibility import differences
from serving.contract.document import read
from serving.contract.model import MAX_VERSION, Environment
from serving.contract.problem import DocumentError, Problem
from serving.errors import InputError
from serving.registry.published import frozen_of
from serving.registry.store import open_store
from serving.registry.verify import find

app = typer.Typer(help="Model contracts and their versions.", no_args_is_help=True)


@app.command("check", epilog="Example: serving model check platform/models/digits.yaml")
def check_files(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Contracts; all of platform/models/ by default."),
    ] = None,
    environment: Annotated[
        Environment, typer.Option(help="prod holds to more rules than dev.")
    ] = "prod",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Check contracts and say everything that is wrong, each with its line. Exit code 2 if so."""
    results = {str(path): _checked(path, environment) for path in files or _all_contracts()}
    if as_json:
        typer.echo(json.dumps({file: _as_json(result) for file, result in results.items()}))
    else:
        for file, result in results.items():
            _print(file, result)
    if any(result.problems for result in results.values()):
        raise typer.Exit(InputError.exit_code)


@app.command("diff", epilog="Example: serving model diff digits 1 2 --in store")
def compare_versions(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name.")],
    old: Annotated[int, typer.Argument(help="The version that serves now.")],
    new: Annotated[int, typer.Argument(help="The version that would replace it.")],
    store: Annotated[
        str | None,
        typer.Option("--in", metavar="STORE", help="Where versions are published."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """May NEW replace OLD without breaking its callers? Exit code 1 if not."""
    contract = load(model_file(name))
    place = open_store(store) if store else None
    found = differences(frozen_of(contract, old, place), frozen_of(contract, new, place))
    breaking = any(difference.kind == "breaking" for difference in found)
    if as_json:
        rows = [asdict(difference) for difference in found]
        typer.echo(json.dumps({"compatible": not breaking, "differences": rows}))
    else:
        for difference in found:
            typer.echo(f"{difference.kind}: {difference.path}: {difference.what}")
        verdict = "may not" if breaking else "may"
        typer.echo(f"{name}: version {new} {verdict} replace version {old}")
    if breaking:
        raise typer.Exit(1)


@app.command("derived", epilog="Example: serving model derived digits 1 --environment dev")
def show_derived(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name.")],
    version: Annotated[int, typer.Argument(min=1, max=MAX_VERSION)] = 1,
    environment: Annotated[Environment, typer.Option(help="dev or prod.")] = "prod",
    store: Annotated[
        str | None,
        typer.Option("--in", metavar="STORE", help="Where the version is published."),
    ] = None,
) -> None:
    """Show all that follows from a contract as JSON: what the platform builds from it."""
    # bring Triton's protobuf, which only their own users wait for
    from serving.derive import derived
    from serving.registry.published import as_published

    contract = load(model_file(name))
    if store:
        contract = as_published(contract, find(open_store(store), name, version))
    else:
        frozen_of(contract, version, None)
    typer.echo(json.dumps(derived(contract, version, environment), indent=2))


def model_file(name: str) -> Path:
    """The contract of a model by name. Raises InputError with the names there are."""
    path = MODELS / f"{name}.yaml"
    if not path.is_file():
        names = ", ".join(known.stem for known in _all_contracts())
        raise InputError(f"no model {name} in {MODELS}/: there are {names}")
    return path


def _all_contracts() -> list[Path]:
    found = sorted(MODELS.glob("*.yaml"))
    if not found:
        raise InputError(f"no contract in {MODELS}/: name the files, or run from the repository")
    return found


def _checked(path: Path, environment: Environment) -> Checked:
    try:
        return check(read(path), environment, _tenants_beside(path))
    except DocumentError as error:
        return Checked(contract=None, problems=error.problems)


def _tenants_beside(contract: Path) -> frozenset[str] | None:
    """The names of the tenants' files in the folder beside the contracts'."""
    folder = contract.resolve().parent.parent / "tenants"
    return frozenset(file.stem for file in folder.glob("*.yaml")) if folder.is_dir() else None


def _as_json(result: Checked) -> dict[str, object]:
    return {
        "sound": not result.problems,
        "problems": [_problem(problem) for problem in result.problems],
        "notices": [_problem(notice) for notice in result.notices],
    }


def _problem(problem: Problem) -> dict[str, object]:
    position = problem.position
    fields: dict[str, object] = {"line": position.line, "column": position.column}
    return {
        "file": problem.file,
        "field": problem.field,
        **fields,
        "what": problem.what,
        "got": problem.got,
        "expected": problem.expected,
        "do": problem.do,
    }


def _print(file: str, result: Checked) -> None:
    for problem in result.problems:
        typer.echo(f"{problem}", err=True)
    for notice in result.notices:
        typer.echo(f"notice: {notice}", err=True)
    count = len(result.problems)
    typer.echo(f"{file}: {f'{count} problem' + 's' * (count != 1) if count else 'sound'}")


app.command("validate", epilog="Example: serving model validate digits 2 --from build/digits/2")(
    validate_version
)
app.command(
    "publish", epilog="Example: serving model publish digits 2 --from build/digits/2 --to store"
)(publish_version)
app.command("verify", epilog="Example: serving model verify digits 2 --in store")(verify_version)
app.command("list", epilog="Example: serving model list --in store")(list_versions)
app.command("show", epilog="Example: serving model show digits 2 --in store --json")(show_version)
app.command("prune", epilog="Example: serving model prune digits --in store --keep 3 --yes")(
    prune_versions
)
