"""`serving model publish, verify, list, show, prune`: the artifacts of versions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from pydantic import TypeAdapter, ValidationError
from rich.filesize import decimal

from serving.cli.meter import meter
from serving.contract.check import load
from serving.contract.fields import Name
from serving.contract.model import MAX_VERSION
from serving.errors import InputError
from serving.registry import prune
from serving.registry.listing import Row, rows
from serving.registry.manifest import Manifest
from serving.registry.model_file import read
from serving.registry.publish import Candidate, publish
from serving.registry.source import open_source
from serving.registry.store import open_store
from serving.registry.verify import find, read_manifest, verify

MODELS = Path("platform/models")


def _name(model: str | None) -> str | None:
    """It becomes part of paths."""
    try:
        TypeAdapter(Name | None).validate_python(model)
    except ValidationError:
        raise InputError(
            f"{model}: is not the name of a model: expected one such as digits"
        ) from None
    return model


Model: TypeAlias = Annotated[
    str, typer.Argument(help="A contract of platform/models/.", callback=_name)
]
Number: TypeAlias = Annotated[int, typer.Argument(metavar="VERSION", min=1, max=MAX_VERSION)]
Where: TypeAlias = Annotated[
    str, typer.Option("--in", metavar="STORE", help="A folder or s3://bucket/prefix.")
]
Models: TypeAlias = Annotated[Path, typer.Option(help="Where the contracts are.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def publish_version(
    model: Model,
    version: Number,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="A folder, s3://bucket/prefix, models:/NAME/VERSION (MLflow) "
            "or the ARN of a SageMaker model package.",
        ),
    ],
    store: Annotated[
        str, typer.Option("--to", metavar="STORE", help="A folder or s3://bucket/prefix.")
    ],
    models: Models = MODELS,
    as_json: AsJson = False,
) -> None:
    """Check the files, write them to the store for good, enter the version in the model's YAML."""
    model_file = read(models / f"{model}.yaml")
    with open_source(source) as files:
        candidate = Candidate(
            model=model_file,
            version=version,
            source=files,
            origin=source,
            created=datetime.now(UTC).replace(microsecond=0),
        )
        manifest = publish(candidate, open_store(store), meter)
    _print(manifest, f"is published to {store} and entered in {model_file.path}", as_json)


def verify_version(
    model: Model, version: Number, store: Where, models: Models = MODELS, as_json: AsJson = False
) -> None:
    """Read every byte of a version; exit code 2 unless it is what the model's YAML says."""
    promised = load(models / f"{model}.yaml").published.get(version)
    manifest = verify(open_store(store), model, version, promised=promised, meter=meter)
    known = "the model's YAML says" if promised else "its manifest says; the YAML does not know it"
    _print(manifest, f"is what {known}", as_json)


def list_versions(
    store: Where,
    model: Annotated[
        str | None, typer.Argument(help="All models by default.", callback=_name)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what a store holds; exit code 1 if something there is no version."""
    found = list(rows(open_store(store), model))
    if as_json:
        typer.echo(json.dumps([_row(row) for row in found]))
    else:
        _print_table(found)
    if not found:
        typer.echo(f"{store} holds no version{f' of {model}' if model else ''}", err=True)
    for row in found:
        if row.problem:
            typer.echo(f"{row.model} {row.version}: {row.problem}", err=True)
    if any(row.problem for row in found):
        raise typer.Exit(1)


def show_version(model: Model, version: Number, store: Where, as_json: AsJson = False) -> None:
    """Show a version's manifest: where it came from and every file."""
    manifest = read_manifest(find(open_store(store), model, version), model, version)
    if as_json:
        typer.echo(manifest.to_bytes(), nl=False)
        return
    facts = manifest.model_dump(mode="json", by_alias=True, exclude={"schema_version", "files"})
    _print_columns([(name, f"{value}") for name, value in facts.items()])
    typer.echo()
    files = sorted(manifest.files.items())
    _print_columns([(entry.sha256, decimal(entry.size), path) for path, entry in files])


def prune_versions(
    model: Model,
    store: Where,
    keep: Annotated[int, typer.Option(help="How many of the newest stay.")] = prune.MIN_KEPT,
    stacks: Annotated[
        Path,
        typer.Option(help="The folder of Pulumi.<stack>.yaml; what their releases name stays."),
    ] = Path(),
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without, only the plan is shown.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove old versions from a store, but none that a stack's releases name."""
    place = open_store(store)
    plan = prune.plan(place, model, keep=keep, stacks=stacks)
    if yes:
        place.remove(model, plan.remove)
    if as_json:
        kept = {str(version): why for version, why in plan.keep.items()}
        typer.echo(json.dumps({"keep": kept, "remove": plan.remove, "done": yes}))
        return
    for version, why in plan.keep.items():
        typer.echo(f"keep   {version}: {why}")
    for version in plan.remove:
        typer.echo(f"{'removed' if yes else 'remove'} {version}")
    if plan.remove and not yes:
        typer.echo("nothing was removed: repeat with --yes", err=True)


def _print(manifest: Manifest, what: str, as_json: bool) -> None:
    if as_json:
        typer.echo(manifest.to_bytes(), nl=False)
        return
    size = f"{len(manifest.files)} files, {decimal(manifest.size)}"
    typer.echo(f"{manifest.model} {manifest.version} {what}: {manifest.digest} ({size})")


def _row(row: Row) -> dict[str, object]:
    facts: dict[str, object] = {"model": row.model, "version": row.version, "problem": row.problem}
    if row.manifest:
        facts |= row.manifest.model_dump(mode="json", by_alias=True, exclude={"files"})
    return facts


def _print_table(found: Iterable[Row]) -> None:
    manifests = [row.manifest for row in found if row.manifest]
    if manifests:
        header = ("model", "version", "size", "created", "digest", "source")
        _print_columns([header, *map(_cells, manifests)])


def _cells(manifest: Manifest) -> Sequence[str]:
    return (
        manifest.model,
        str(manifest.version),
        decimal(manifest.size),
        f"{manifest.created:%Y-%m-%d %H:%M}",
        manifest.digest.removeprefix("sha256:")[:12],
        manifest.source,
    )


def _print_columns(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
