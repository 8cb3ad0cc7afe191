"""The releases that are deployed: what the configuration may follow, but never undo."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import pulumi

from serving.errors import InputError
from serving.settings import Release

_OUTPUTS: Final = "pulumi:pulumi:readStackOutputs"
_HALF_WRITTEN: Final = "failed to load checkpoint"
_ATTEMPTS: Final = 20
_PAUSE_SECONDS: Final = 0.1


def deployed() -> Mapping[str, Release]:
    """As this very stack exported them last."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    releases = _outputs(name).get("releases", {})
    # numbers come over the wire as 2.0
    return {
        model: Release.model_validate(release, strict=False) for model, release in releases.items()
    }


def _outputs(name: str) -> Mapping[str, Any]:
    """The engine writes its state while the program runs, and a file backend does so in place."""
    for _ in range(_ATTEMPTS):
        try:
            return _read(name)
        except Exception as error:  # the SDK has no narrower type
            if _HALF_WRITTEN not in str(error):
                raise
            time.sleep(_PAUSE_SECONDS)
    return _read(name)


def _read(name: str) -> Mapping[str, Any]:
    outputs: Mapping[str, Any] = pulumi.runtime.invoke(_OUTPUTS, {"name": name}).value["outputs"]
    return outputs


def refuse_stale(wanted: Mapping[str, Release], last: Mapping[str, Release]) -> None:
    """Raises InputError where the configuration comes from before what is deployed."""
    wrong = [
        f"serving:releases.{model}: {problem}"
        for model, before in sorted(last.items())
        if (problem := _stale(wanted.get(model), before))
    ]
    if wrong:
        do = "take the deployed table over (`pulumi stack output releases`), then try again"
        raise InputError("\n".join([*wrong, do]))


def _stale(now: Release | None, before: Release) -> str:
    if now is None:
        told = f"is missing, though deployed with revision {before.revision}"
        return told if before.stable is not None else ""
    if now.revision < before.revision:
        return f"has revision {now.revision}, older than the deployed {before.revision}"
    return ""
