"""Folder: made when it is missing, and removed only once nothing is in it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi.dynamic import Resource

from components.local.provider import ByName, Props

KEY = "path"


@dataclass(frozen=True, kw_only=True)
class FolderArgs:
    path: str


class Folder(Resource, module="serving", name="Folder"):
    def __init__(
        self, name: str, args: FolderArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(ByName(__name__), name, {**vars(args)}, opts)


def create(props: Props) -> Props:
    Path(props["path"]).mkdir(parents=True, exist_ok=True)
    return props


def update(olds: Props, news: Props) -> Props:
    return create(news)


def differs(olds: Props, news: Props) -> bool:
    return not exists(news)


def exists(props: Props) -> bool:
    return Path(props["path"]).is_dir()


def delete(props: Props) -> None:
    with suppress(OSError):
        Path(props["path"]).rmdir()
