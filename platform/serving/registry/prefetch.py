"""Copies the versions that are served to a node's own disk, before a pod of the node wants them.

This file alone, with what Python brings, is what runs in the cluster: `python prefetch.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

MANIFEST = "manifest.json"
ASIDE = ".aside-"
PIECE = 16 << 20
PAUSE_SECONDS = 15
ALIVE_SECONDS = 300

Event: TypeAlias = Mapping[str, Any]


class WrongFilesError(Exception):
    """What lies in the store is not what was published."""


def keep(
    wanted: Mapping[str, str], source: Path, cache: Path, alive: Callable[[], None]
) -> Iterator[Event]:
    """One round: whatever `wanted` (`tenant/model/version` → digest) names is in the cache after
    it, nothing else is, and what could not be copied is tried again in the next."""
    for folder in sorted(cache.glob("*/*/*")):
        version = folder.relative_to(cache).as_posix()
        if version not in wanted:
            yield _tried("removed", version, partial(_remove, folder))
    for version, digest in sorted(wanted.items()):
        if not (cache / version).is_dir():
            work = partial(copy, source / version, cache / version, digest, alive)
            yield _tried("copied", version, work)


def _tried(event: str, version: str, work: Callable[[], None]) -> Event:
    try:
        work()
    except (OSError, ValueError, KeyError, WrongFilesError) as error:
        said = f"{type(error).__name__}: {error}"
        return {"event": "failed", "version": version, "error": said}
    return {"event": event, "version": version}


def _remove(folder: Path) -> None:
    """No pod ever finds a part of it."""
    aside = folder.parent / f"{ASIDE}{folder.name}"
    if not folder.name.startswith(ASIDE):
        os.rename(folder, aside)
        folder = aside
    shutil.rmtree(folder)


def copy(source: Path, target: Path, digest: str, alive: Callable[[], None]) -> None:
    """The folder has its name only when all of it is there, and is what was published."""
    manifest = (source / MANIFEST).read_bytes()
    files: Mapping[str, Mapping[str, Any]] = json.loads(manifest)["files"]
    if tree_digest(files) != digest:
        raise WrongFilesError(f"{MANIFEST} is not that of {digest}")
    aside = target.parent / f"{ASIDE}{target.name}"
    aside.mkdir(parents=True)
    try:
        for path, promised in files.items():
            if ".." in PurePosixPath(path).parts or path.startswith("/"):
                raise WrongFilesError(f"{path} lies outside")
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            if _copied(source / path, aside / path, alive) != promised["sha256"]:
                raise WrongFilesError(f"{path} is not what was published")
        (aside / MANIFEST).write_bytes(manifest)
        os.sync()
        os.rename(aside, target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def tree_digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    found = hashlib.sha256()
    for path, entry in sorted(files.items()):
        found.update(f"{entry['sha256']} {entry['size']} {path}\n".encode())
    return f"sha256:{found.hexdigest()}"


def _copied(source: Path, target: Path, alive: Callable[[], None]) -> str:
    found = hashlib.sha256()
    with source.open("rb") as reads, target.open("xb") as writes:
        while piece := reads.read(PIECE):
            found.update(piece)
            writes.write(piece)
            alive()
    target.chmod(0o444)
    return found.hexdigest()


def named(*files: Path) -> Mapping[str, str]:
    """What any of them names; the first has the last word, and the others may be missing."""
    first, *others = files
    found: dict[str, str] = {}
    for file in others:
        if file.exists():
            found |= json.loads(file.read_text())
    found |= json.loads(first.read_text())
    return found


def main() -> None:
    wanted, kept, source, cache, alive = (
        Path(os.environ[name]) for name in ("WANTED", "KEPT", "SOURCE", "CACHE", "ALIVE")
    )
    if "--alive" in sys.argv:
        sys.exit(time.time() - alive.stat().st_mtime > ALIVE_SECONDS)
    while True:
        alive.touch()
        for event in keep(named(wanted, kept), source, cache, alive.touch):
            sys.stdout.write(f"{json.dumps(event)}\n")
            sys.stdout.flush()
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
