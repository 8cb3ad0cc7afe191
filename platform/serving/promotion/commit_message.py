"""What a commit of the table of releases says: which version went where, why, by which journal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serving.promotion.table import Table
from serving.settings import Release

SUBJECT: Final = 72
REASON: Final = 400
"""Characters; the journal has all of it."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, kw_only=True)
class Because:
    """Of a change of one model."""

    reason: str
    journal: str


def message(before: Table, after: Table, because: Mapping[str, Because]) -> str:
    why = {model: because[model] for model in _changed(before, after) if model in because}
    reasons = [
        f"{f'{model}: ' if len(why) > 1 else ''}{_line(each.reason)}" for model, each in why.items()
    ]
    journals = "\n".join(f"Journal: {each.journal}" for each in why.values())
    return "\n\n".join([summary(before, after), *reasons, *filter(None, [journals])]) + "\n"


def summary(before: Table, after: Table) -> str:
    """What a message begins with: its subject, and each change where that has no room for them."""
    told = [_change(m, before.get(m), after.get(m)) for m in _changed(before, after)]
    subject = ", ".join(told)
    if len(told) == 1 or len(subject) <= SUBJECT:
        return subject
    return "\n".join([f"Change {len(told)} releases", "", *told])


def _changed(before: Table, after: Table) -> list[str]:
    models = sorted({*before, *after})
    return [model for model in models if before.get(model) != after.get(model)]


def _line(reason: str) -> str:
    return _CONTROL.sub(" ", reason.partition("\n")[0])[:REASON]


def _change(model: str, before: Release | None, after: Release | None) -> str:
    if after is None:
        return f"Remove {model}"
    version = _moved(before, after)
    was, now = _share(before, version), _share(after, version)
    if now is None:
        return f"Remove {model} {version}" + (f" (was {was} %)" if was else "")
    if was is None:
        return f"Start {model} {version} at {now} %"
    if now == was:
        return f"Keep {model} {version} at {now} %"
    verb = f"Promote {model} {version} to" if now > was else f"Take {model} {version} back to"
    return f"{verb} {now} % (was {was} %)"


def _moved(before: Release | None, after: Release) -> int | None:
    """The version that the change is about."""
    if after.canary is not None or before is None:
        return after.canary or after.stable
    if before.canary is not None:
        return before.canary
    if before.previous is None or after.stable not in (before.stable, before.previous):
        return after.stable
    return before.previous if before.stable == after.stable else before.stable


def _share(release: Release | None, version: int | None) -> int | None:
    """Percent; None where it is not deployed."""
    if release is None or version is None:
        return None
    if version == release.canary:
        return release.weight
    if version == release.stable:
        return 100 - release.weight
    return 0 if version == release.previous else None
