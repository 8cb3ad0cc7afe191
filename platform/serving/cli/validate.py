"""`serving model validate`: a version on a real server, before anybody depends on it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.meter import meter
from serving.cli.registry import MODELS, AsJson, Model, Models, Number
from serving.contract.check import load
from serving.contract.model import ModelContract
from serving.errors import InputError
from serving.registry.store import open_store
from serving.registry.verify import verify

if TYPE_CHECKING:
    from serving.registry.validate import Validation


def validate_version(
    model: Model,
    version: Number,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Its files, before they are published."),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option("--in", metavar="STORE", help="Where it is published."),
    ] = None,
    models: Models = MODELS,
    as_json: AsJson = False,
) -> None:
    """Start a version on a real tritonserver and send its golden requests; exit code 1 if it fails.

    It has to be ready within the contract's start-up budget.
    """
    # bring tritonclient and numpy, which only their own users wait for
    from serving.registry.validate import validate
    from serving.triton import TritonFailed

    contract = load(models / f"{model}.yaml")
    with _located(contract, version, source, store) as (contract, repository):
        if not as_json:
            budget = contract.health.startup_seconds
            typer.echo(f"starting {model} version {version}, ready within {budget} s …", err=True)
        try:
            result = validate(contract, version, repository)
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


@contextmanager
def _located(
    contract: ModelContract, version: int, source: Path | None, store: str | None
) -> Iterator[tuple[ModelContract, Path | str]]:
    """What Triton is to load, and the contract it has to keep."""
    from serving.registry.published import as_published
    from serving.registry.validate import staged

    if source is not None and store is None:
        with staged(contract, version, source) as folder:
            yield contract, folder
    elif store is not None and source is None:
        place = open_store(store)
        promised = contract.published.get(version)
        verify(place, contract.name, version, promised=promised, meter=meter)
        artifact = place.version(contract.name, version)
        yield as_published(contract, artifact), _repository(artifact.where)
    else:
        raise InputError("say where the version is: either --from FOLDER or --in STORE")


def _repository(where: str) -> Path | str:
    if not where.startswith("s3://"):
        return Path(where)
    # boto3 reads this variable, Triton does not: it wants the endpoint in the name
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return where.replace("s3://", f"s3://{endpoint}/") if endpoint else where


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
