"""Built programs outside the checkout: complete or not there, built once for all checkouts."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from serving.errors import ServingError
from serving.toolchain.command import advice
from serving.toolchain.progress import Progress
from serving.toolchain.recipe import CHECKOUT, Built, Recipe, Workshop
from serving.toolchain.tool import Tool

RECORD = "built.json"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A complete build."""

    folder: Path
    origin: str
    versions: dict[str, str]
    built: datetime


def home() -> Path:
    named = os.environ.get("SERVING_CACHE")
    if named:
        return Path(named).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "serving"


def find(recipe: Recipe) -> Entry | None:
    folder = home() / recipe.name / recipe.key()
    try:
        record = json.loads((folder / RECORD).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):  # none, or cut off with the power
        return None
    return Entry(
        folder=folder,
        origin=record["origin"],
        versions=record["versions"],
        built=datetime.fromisoformat(record["built"]),
    )


def ensure(recipe: Recipe, progress: Progress, obtain: Callable[[str], Tool]) -> None:
    if find(recipe):
        return
    key, folder = recipe.key(), shelf(recipe.name)
    _sweep(folder)
    with locked(folder / f"{key}.lock", lambda: progress.waiting(recipe.name)):
        if find(recipe):
            return
        with progress.step(recipe.name, recipe.doing, recipe.usual) as done:
            shop = Workshop(
                name=recipe.name,
                folder=folder / f"{key}.{os.getpid()}.part",
                log=log_file(recipe.name),
                obtain=obtain,
                say=lambda line: progress.say(f"  {recipe.name}: {line}"),
            )
            built = _build(recipe, shop)
            shutil.rmtree(folder / key, ignore_errors=True)  # there only without its record
            shop.folder.rename(folder / key)
            done(", ".join(f"{name} {version}" for name, version in built.versions.items()))


def _build(recipe: Recipe, shop: Workshop) -> Built:
    try:
        shop.folder.mkdir()
        built = recipe.build(shop)
        record = {
            "origin": built.origin,
            "versions": built.versions,
            "built": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        (shop.folder / RECORD).write_text(json.dumps(record))
    except BaseException as error:
        shutil.rmtree(shop.folder, ignore_errors=True)
        if isinstance(error, OSError):
            remedy = advice(str(error))
            raise ServingError(f"{recipe.name}: {error}\n  what to do: {remedy}") from error
        raise
    return built


def log_file(name: str) -> Path:
    """A fresh one in the checkout, so that two checkouts do not write into one another's."""
    log = CHECKOUT / ".make" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    log.write_bytes(b"")
    return log


@contextlib.contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Held by one thread of one process; the kernel lets go of it when that process dies."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep(shelf: Path) -> None:
    """Remove what killed builds left, if nobody is at the same build just now."""
    for part in shelf.glob("*.part"):
        key = part.name.partition(".")[0]
        with contextlib.suppress(BlockingIOError), (shelf / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(part, ignore_errors=True)


def shelf(name: str) -> Path:
    """The folder of a recipe's builds, made if it is not there."""
    folder = home() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
    except OSError as error:
        raise ServingError(
            f"the cache {home()} cannot be written ({error.strerror}): make it yours, or name "
            "another folder in SERVING_CACHE"
        ) from error
    return folder
