"""`serving images`: the digests of what runs in the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving import image_digests
from serving.cli.described import described
from serving.image_digests import NotFound


def images(
    stack: Annotated[
        str, typer.Option("--stack", "-s", metavar="NAME", help="Whose images; dev or prod.")
    ],
) -> None:
    """Ask registries for the digests of all images of a stack's charts, as its file takes them.

    Paste the output into Pulumi.<stack>.yaml. Exit code 1 if a registry did not say one.
    """
    # brings Pulumi, which only few commands wait for
    from serving.stacks.charts import images as all_of

    settings, _ = described(Path.cwd(), stack)
    complete = True
    typer.echo("  serving:digests:")
    with image_digests.client() as http:
        for name in all_of(settings):
            try:
                found = image_digests.digest(http, name)
            except NotFound as error:
                complete = False
                typer.echo(f"{error}", err=True)
                continue
            typer.echo(f"    {name}: {found}")
            if (before := settings.digests.get(name, found)) != found:
                typer.echo(f"{name}: its tag was moved, it was {before}", err=True)
    if not complete:
        raise typer.Exit(1)
