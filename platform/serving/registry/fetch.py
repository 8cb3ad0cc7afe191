"""A version brought to where it is served from, once for all who want it there."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from serving.contract.model import Version
from serving.contract.repository import FileProblem
from serving.registry.errors import Refused, failing
from serving.registry.files import Files
from serving.registry.manifest import Manifest
from serving.registry.store import Staging, Store
from serving.registry.transfer import Advance, Meter, each, silent
from serving.registry.verify import find, read_manifest, verify

PAUSE_SECONDS: Final = 1.0
_DO: Final = "do not serve it: publish the files again under a new number"


def fetch(
    source: Store,
    cache: Store,
    model: str,
    version: int,
    *,
    promised: Version | None = None,
    patience: float = 3600,
    sleep: Callable[[float], None] = time.sleep,
    meter: Meter = silent,
) -> Manifest:
    """Whoever comes first copies; the others wait for it and copy nothing. Each of them compares
    every byte with the manifest. Raises Refused, also where the wait is too long."""
    waited = 0.0
    while str(version) not in cache.versions(model):
        with ExitStack() as held:
            try:
                staging = held.enter_context(cache.staging(model, version))
            except Refused:
                if waited >= patience:
                    raise
                staging = None
            if staging is None:
                sleep(PAUSE_SECONDS)
                waited += PAUSE_SECONDS
            elif str(version) not in cache.versions(model):
                _copy(find(source, model, version), staging, model, version, meter)
    return verify(cache, model, version, promised=promised, meter=meter)


def _copy(files: Files, staging: Staging, model: str, version: int, meter: Meter) -> None:
    manifest = read_manifest(files, model, version)

    def copied(path: str, advance: Advance) -> FileProblem | None:
        promised = manifest.files[path]
        with failing(f"{files.where}/{path}"), files.open(path) as stream:
            found = staging.write(path, stream, promised.size, advance)
        return None if found == promised else FileProblem(path, "is not what was published")

    with meter("fetching", manifest.size) as advance:
        problems = list(filter(None, each(copied, manifest.files, advance)))
    if problems:
        raise Refused(files.where, problems, _DO)
    staging.commit(manifest.to_bytes())
