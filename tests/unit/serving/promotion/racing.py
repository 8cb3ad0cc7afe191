"""Processes that want the same lease, in a module that a bare process imports quickly."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from serving.promotion.journal import Overtaken
from serving.promotion.lease import Busy, take
from serving.promotion.lease_store import FolderLease


def race(folder: Path, together: Barrier, result: Connection) -> None:
    """Stays until both have tried: the lease of a process that is gone would be free."""
    together.wait()
    try:
        said = f"fence {take(FolderLease(folder), 'kim', 'digits version 2').fence}"
    except Busy as busy:
        said = f"{busy.exit_code} {busy}"
    together.wait()
    result.send(said)


def take_and_die(folder: Path) -> None:
    take(FolderLease(folder), "kim", "digits version 2")
    os.kill(os.getpid(), signal.SIGKILL)


def take_and_pause(folder: Path, result: Connection) -> None:
    """For longer than its term, as its clock has it."""
    lease = take(FolderLease(folder), "kim", "digits version 2", lambda: time.time() - 3600)
    result.send(lease.fence)
    os.kill(os.getpid(), signal.SIGSTOP)
    try:
        lease.check()
        result.send("acts")
    except Overtaken as overtaken:
        result.send(str(overtaken))
