"""The table of releases as it stands in a stack's file, and what became of two changes to it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from serving.errors import InputError
from serving.promotion.stack import KEY
from serving.settings import Release

Table: TypeAlias = Mapping[str, Release]
_WIDEST: Final = 4096
"""No line of the file is broken anew."""


def table_in(text: str) -> Table:
    """Raises InputError where the text is no configuration of a stack."""
    try:
        entries = ((YAML(typ="safe", pure=True).load(text) or {}).get("config") or {}).get(KEY)
        return {
            model: Release.model_validate(entry, strict=False)
            for model, entry in (entries or {}).items()
        }
    except (AttributeError, YAMLError, ValidationError) as error:
        raise InputError(f"{KEY}: cannot be read: {' '.join(str(error).split())}") from None


def with_table(text: str, table: Table) -> str:
    """The same text otherwise, with what people have written, and their comments."""
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = _WIDEST, True
    document = yaml.load(text)
    entries: dict[str, Any] = document.setdefault("config", {}).setdefault(KEY, {})
    for model in set(entries) - set(table):
        del entries[model]
    for model, release in sorted(table.items()):
        entries[model] = dict(sorted(release.model_dump(exclude_none=True).items()))
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def joined(before: Table, ours: Table, theirs: Table) -> Table:
    """Theirs with what we changed; of what both changed, what was deployed later."""
    table = dict(theirs)
    for model in {*before, *ours}:
        mine, other = ours.get(model), theirs.get(model)
        if mine == before.get(model):
            continue
        if mine is None:
            if other is not None and not _later(other, before.get(model)):
                del table[model]
        elif not _later(other, mine):
            table[model] = mine
    return table


def overtaken(ours: Table, theirs: Table) -> bool:
    """They hold something that was deployed after all of ours."""
    return any(_later(release, ours.get(model)) for model, release in theirs.items())


def _later(one: Release | None, other: Release | None) -> bool:
    return one is not None and other is not None and one.revision > other.revision
