"""The Pulumi engine's locks in a file backend: who holds a stack, and whether they still live."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

_PROC: Final = Path("/proc")
_SLACK_SECONDS: Final = 2.0
"""Start times are counted from the kernel's start, lock times read from the wall clock."""
_BEING_WRITTEN_SECONDS: Final = 60.0
"""A lock that cannot be read may be one that is just being written; not so long after."""

_ATTRIBUTES: Final = ".attrs"
"""Of a file that lies beside each lock; it locks nothing."""


class _Content(BaseModel):
    pid: int
    username: str
    hostname: str
    timestamp: datetime


@dataclass(frozen=True, kw_only=True)
class Lock:
    file: Path
    holder: str
    since: float
    abandoned: bool
    """Its engine is known to be dead. Of another host or an earlier boot that is never known."""

    def __str__(self) -> str:
        return f"{self.holder} for {max(time.time() - self.since, 0):.0f} s (lock {self.file})"

    def remove(self) -> None:
        self.file.unlink(missing_ok=True)
        self.file.with_name(f"{self.file.name}{_ATTRIBUTES}").unlink(missing_ok=True)


def folder_of(backend: str, project: str, stack: str) -> Path | None:
    """None where the backend does not lie in files."""
    if not backend.startswith("file://"):
        return None
    root = Path(backend.removeprefix("file://").partition("?")[0]).expanduser()
    return root / ".pulumi" / "locks" / "organization" / project / stack


def locks_in(folder: Path) -> list[Lock]:
    found = []
    for file in sorted(folder.glob("*")):
        if file.suffix == _ATTRIBUTES:
            continue
        try:
            found.append(_read(file))
        except FileNotFoundError:  # freed meanwhile
            continue
    return found


def _read(file: Path) -> Lock:
    text, written = file.read_bytes(), file.stat().st_mtime
    try:
        content = _Content.model_validate_json(text)
    except ValidationError:
        old = time.time() - written > _BEING_WRITTEN_SECONDS
        return Lock(file=file, holder="nobody who can be read", since=written, abandoned=old)
    since = content.timestamp.timestamp()
    return Lock(
        file=file,
        holder=f"{content.username}@{content.hostname} (process {content.pid})",
        since=since,
        abandoned=content.hostname == socket.gethostname()
        and since > _boot_time()
        and not _lives(content.pid, since),
    )


def _lives(pid: int, since: float) -> bool:
    """The process that wrote the lock, not one that has its number by now."""
    try:
        state, *fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    started = _boot_time() + int(fields[18]) / os.sysconf("SC_CLK_TCK")
    return state not in ("Z", "X") and started <= since + _SLACK_SECONDS


def _boot_time() -> float:
    uptime = (_PROC / "uptime").read_text().split()[0]
    return time.time() - float(uptime)
