"""Who a process is, so that another one can tell whether it is still there."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_GONE: Final = ("Z", "X")
"""A dead process stays in /proc until its parent has asked for its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    host: str
    boot: str
    """The kernel's run, with the namespace in which `pid` has its meaning; empty if not known."""
    pid: int
    started: int
    """In ticks of the kernel's clock: a pid alone may belong to another process by now."""

    def is_dead(self) -> bool:
        """True only where that can be known: on the machine, and in the container, it ran on."""
        here = this_process()
        if not self.boot or (self.host, self.boot) != (here.host, here.boot):
            return False
        return _start_of(self.pid) != self.started


def this_process() -> Process:
    return Process(
        host=socket.gethostname(),
        boot=_boot(),
        pid=os.getpid(),
        started=_start_of(os.getpid()) or 0,
    )


@cache
def _boot() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return ""


def _start_of(pid: int) -> int | None:
    """None where no such process lives."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in _GONE else int(fields[18])
