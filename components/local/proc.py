"""What the kernel says of processes and ports; standard library only."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_GONE = ("Z", "X")
"""A dead process stays in /proc until its parent has asked for its end."""


def start_of(pid: int) -> int | None:
    """In ticks of the kernel's clock; None where no such process lives."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in _GONE else int(fields[18])


def boot() -> str:
    """The kernel's run, with the namespace in which process numbers have their meaning."""
    identity = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{identity}/{os.readlink(_PROC / 'self/ns/pid')}"


def resident_bytes(pid: int) -> int:
    """Of the process and all below it."""
    total = 0
    with suppress(OSError, ValueError, IndexError):
        total = int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf(
            "SC_PAGE_SIZE"
        )
        for task in (_PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text().split():
                total += resident_bytes(int(child))
    return total


def free(port: int) -> bool:
    with socket.socket() as probe:
        # as servers do: connections that have just been closed keep nobody away
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
