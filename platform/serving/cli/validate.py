"""`serving model validate`: a version on a real server, before anybody depends on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from serving.contract.check import load
from serving.contract.model import ModelContract
from serving.errors import InputError
from serving.registry.store import open_store
from serving.registry.validate import Validation, staged, validate
from serving.triton import TritonFailed

MODELS = Path("platform/models")


def validate_version(
    model: Annotated[str, typer.Argument(help="A contract of platform/models/.")],
    version: Annotated[int, typer.Argument(min=1)],
    source: Annotated[
        Path | None, typer.Option("--from", help="The files before they are published.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="Where the version is published: a folder or s3://….")
    ] = None,
    models: Annotated[Path, typer.Option(help="Where the contracts are.")] = MODELS,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Start the version, wait for it within its budget, send its golden requests. 1 if it fails."""
    contract = load(models / f"{model}.yaml")
    if (source is None) == (store is None):
        raise InputError("say where the version is: either --from FOLDER or --store STORE")
    if not as_json:
        budget = contract.health.startup_seconds
        typer.echo(f"starting {model} version {version}, ready within {budget} s …", err=True)
    try:
        result = _validated(contract, version, source, store)
    except TritonFailed as failure:
        if not as_json:
            raise
        _print_json(model, version, {"valid": False, "reason": f"{failure}"})
        raise typer.Exit(failure.exit_code) from None
    if as_json:
        _print_json(model, version, {"valid": result.passed, **asdict(result)})
    else:
        _print(model, version, result)
    if not result.passed:
        raise typer.Exit(1)


def _validated(
    contract: ModelContract, version: int, source: Path | None, store: str | None
) -> Validation:
    if source is not None:
        with staged(contract, version, source) as folder:
            return validate(contract, version, folder)
    where = open_store(store or "").version(contract.name, version).where
    return validate(contract, version, where if where.startswith("s3://") else Path(where))


def _print_json(model: str, version: int, facts: Mapping[str, object]) -> None:
    typer.echo(json.dumps({"model": model, "version": version, **facts}))


def _print(model: str, version: int, result: Validation) -> None:
    typer.echo(f"ready after {result.ready_seconds:.1f} s")
    for check in result.checks:
        about = f"{check.model}: golden request {check.golden} over {check.protocol}"
        typer.echo(
            f"{about}: {'right' if check.passed else 'WRONG'}, {check.seconds * 1000:.0f} ms"
        )
        for line in (*check.differences, *([check.error] if check.error else [])):
            typer.echo(f"  {line}")
    failed = sum(not check.passed for check in result.checks)
    verdict = f"not valid: {failed} of {len(result.checks)} golden requests" if failed else "valid"
    typer.echo(f"{model} version {version} is {verdict}")
