"""Becomes a program: alone in its session, known by a record before it runs, its output logged.

Runs without site-packages, so that it costs little: standard library only.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from components.local.log_writer import write_log
from components.local.proc import boot, start_of
from components.local.writing import write


def main() -> None:
    """The order comes as JSON on standard input, see `supervision.launched`."""
    order = json.load(sys.stdin)
    if os.fork():
        os._exit(0)
    os.setsid()
    reading, writing = os.pipe()
    logger = os.fork()
    if not logger:
        os.close(writing)
        _log(reading, Path(order["log"]))
    os.close(reading)
    silent = os.open(os.devnull, os.O_RDONLY)
    for stream, to in ((silent, 0), (writing, 1), (writing, 2)):
        os.dup2(stream, to)
    os.closerange(3, max(silent, writing) + 1)
    # a program whose log has nowhere to go any more is not to die of it
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    _record(Path(order["record"]), {**order["about"], "logger": logger})
    os.chdir(order["folder"])
    os.execve(order["command"][0], order["command"], order["environment"])  # noqa: S606  # no shell


def _log(reading: int, log: Path) -> None:
    """Ends when all who hold the other end have ended."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.setsid()  # killed with the program it would lose that one's last words
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    write_log(reading, log)
    os._exit(0)


def _record(path: Path, about: dict[str, Any]) -> None:
    """Whole or not at all; the program keeps this process, its number and its start."""
    record = {**about, "pid": os.getpid(), "started": start_of(os.getpid()), "boot": boot()}
    write(path, json.dumps(record))
