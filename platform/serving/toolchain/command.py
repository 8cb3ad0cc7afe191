"""Run a program with its output in a log; a failure says all that a person needs."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from serving.errors import ServingError

LAST_LINES = 12
WIDEST = 160
PATIENCE_SECONDS = 10
SYMPTOMS = (
    ("No space left on device|Disk quota exceeded", "free some disk space, then repeat"),
    (
        "name resolution|failure resolving|resolve host|could not resolve|no such host|dns error|"
        "Name or service not known|Network is unreachable|Connection refused|Could not connect|"
        "error sending request|i/o timeout|NewConnectionError|ConnectTimeout",
        "no network, or a package index cannot be reached: check the connection and the proxy "
        "variables (HTTPS_PROXY), then repeat",
    ),
    (
        "x509|certificate verify failed|UnknownIssuer|invalid peer certificate",
        "a certificate is not trusted: name your organisation's in SSL_CERT_FILE, then repeat",
    ),
    (
        "Hash mismatch|DO NOT MATCH THE HASHES|checksum mismatch",
        "a download is not what its lock file names: repeat, and if it stays so, do not go on but "
        "find out who changed it",
    ),
    (
        "Unable to locate package|no candidate|404  Not Found",
        "fill the package index (`sudo apt-get update`), then repeat",
    ),
    (
        "No interpreter found for Python",
        "Triton's Python backend needs Python 3.11 or 3.12, whatever runs the rest: install one, "
        "then repeat",
    ),
    ("shared memory", "Triton's Python backend needs a /dev/shm it can write, 64 MiB or more"),
    ("signal: killed|Cannot allocate memory", "it ran out of memory: close something, then repeat"),
)
OTHERWISE = "read the log, then repeat; what is complete is kept"

_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()
_stopping = threading.Event()


class StepFailed(ServingError):
    """A set-up step failed: which program, which command, its last lines, what to do."""

    def __init__(self, program: str, command: str, outcome: str, lines: str, log: Path) -> None:
        told = [line.rstrip()[:WIDEST] for line in lines.splitlines() if line.strip()]
        last = "\n".join(f"    {line}" for line in told[-LAST_LINES:])
        self.remedy = advice(last)
        self.brief = f"{program}: failed for the same reason; its output: {log}"
        super().__init__(
            f"{program}: `{command}` {outcome}\n{last}\n"
            f"  all of its output: {log}\n  what to do: {self.remedy}"
        )


def advice(output: str) -> str:
    return next(
        (what for symptom, what in SYMPTOMS if re.search(symptom, output, re.IGNORECASE)),
        OTHERWISE,
    )


def run(
    program: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    shown = shlex.join(map(str, command))
    with log.open("ab") as output:
        output.write(f"$ {shown}\n".encode())
        output.flush()
        start = output.tell()
        try:
            with child(command, output, env, cwd) as process:
                status = process.wait()
        except OSError as error:
            raise StepFailed(program, shown, "could not be started", str(error), log) from error
    if status:
        outcome = f"ended with status {status}; its last lines:"
        raise StepFailed(program, shown, outcome, _since(log, start), log)


@contextlib.contextmanager
def child(
    command: Sequence[str | Path],
    output: IO[bytes],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, so that `stop_all` ends its children with it."""
    with _guard:  # no process may start between the last look at `_running` and the stop
        if _stopping.is_set():
            raise InterruptedError("set-up is being stopped")
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
        _running.add(process)
    try:
        yield process
    finally:
        with _guard:
            _running.discard(process)
        if process.poll() is None:
            _end(process, signal.SIGTERM)
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                _end(process, signal.SIGKILL)
                process.wait()


def stop_all() -> None:
    with _guard:
        _stopping.set()
        processes = list(_running)
    for process in processes:
        _end(process, signal.SIGTERM)


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)


def _since(log: Path, start: int) -> str:
    with log.open("rb") as lines:
        lines.seek(start)
        return lines.read().decode(errors="replace")
