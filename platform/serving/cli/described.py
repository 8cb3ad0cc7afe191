"""What the checkout says of a stack, for commands that ask nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from serving.errors import InputError

if TYPE_CHECKING:
    from serving.catalog import Catalog
    from serving.local.project import Project
    from serving.settings import AwsSettings


def described(folder: Path, stack: str) -> tuple[AwsSettings, Catalog]:
    """Raises InputError."""
    from serving.settings import AwsSettings

    project = project_of(folder, stack)
    settings = project.settings()
    if not isinstance(settings, AwsSettings):
        raise InputError(f"stack {stack} has no nodes: it runs on one machine")
    return settings, project.catalog()


def project_of(folder: Path, stack: str) -> Project:
    """Raises InputError."""
    # brings Pulumi, which only few commands wait for
    from serving.local.project import Project

    project = Project(folder, stack)
    if not project.file.is_file():
        there = sorted(file.name.split(".")[1] for file in folder.glob("Pulumi.*.yaml"))
        raise InputError(
            f"there is no {project.file.name} in {folder}: "
            + (f"there are stacks {', '.join(there)}" if there else "run from the checkout")
        )
    return project
