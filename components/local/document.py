"""Document: a file that some program reads, and is told of when it changes."""

from __future__ import annotations

import urllib.error
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi.dynamic import Resource

from components.local import writing
from components.local.asking import ask
from components.local.provider import ByName, Props

KEY = "path"
_RELOAD_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class DocumentArgs:
    path: str
    content: pulumi.Input[str]
    reload: str = ""
    """Posted to after a change: whoever listens there reads the file again."""


class Document(Resource, module="serving", name="Document"):
    def __init__(
        self, name: str, args: DocumentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(ByName(__name__), name, {**vars(args)}, opts)


class NotTaken(Exception):
    """The reader of a document refuses it. The message has its words."""


def create(props: Props) -> Props:
    """Raises NotTaken where the reader refuses it; what was there before is then there again."""
    path = Path(props["path"])
    before = writing.content_of(path)
    writing.write(path, props["content"])
    if props["reload"] and (refusal := _reload(props["reload"])):
        if before is not None:
            writing.write(path, before)
        raise NotTaken(f"{path}: {refusal}")
    return props


def update(olds: Props, news: Props) -> Props:
    return create(news)


def differs(olds: Props, news: Props) -> bool:
    return not exists(news)


def exists(props: Props) -> bool:
    found: bool = writing.content_of(Path(props["path"])) == props["content"]
    return found


def delete(props: Props) -> None:
    Path(props["path"]).unlink(missing_ok=True)


def _reload(url: str) -> str:
    """Nobody there is no refusal: who does not run reads it when it starts."""
    try:
        ask(url, _RELOAD_SECONDS, method="POST")
    except urllib.error.HTTPError as error:
        return error.read().decode(errors="replace").strip()
    except OSError:
        return ""
    return ""
