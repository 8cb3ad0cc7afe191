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
SYMPTOMS = (
    (r"No space left on device|disk quota exceeded", "free some disk space, then repeat"),
    (
        r"Temporary failure in name resolution|Could not resolve|no such host|"
        r"Network is unreachable|Connection refused|dns error|Failed to fetch|"
        r"error sending request|i/o timeout|Could not connect|ConnectionError",
        "no network, or a package index cannot be reached: check the connection and the "
        "proxy variables (HTTPS_PROXY), then repeat",
    ),
    (
        r"certificate|x509|CERTIFICATE_VERIFY_FAILED",
        "a certificate was not accepted: name your organisation's in SSL_CERT_FILE, then repeat",
    ),
    (r"Unable to locate package", "fill the package index (`sudo apt-get update`), then repeat"),
    (
        r"Hash mismatch|hash mismatch|HASHES|checksum mismatch",
        "a download differs from its lock "
        "file: repeat, and if it stays, do not go on, but ask who serves the package",
    ),
    (r"Killed|signal: killed|Cannot allocate memory", "it ran out of memory: close something"),
)
OTHERWISE = "read the log, then repeat: what is complete is kept"

_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()
_stopping = threading.Event()


class StepFailed(ServingError):
    """A set-up step failed: which program, which command, its last lines, what to do."""

    def __init__(self, program: str, command: str, outcome: str, lines: str, log: Path) -> None:
        quoted = "\n".join(f"    {line}" for line in lines.splitlines()[-LAST_LINES:])
        super().__init__(
            f"{program}: `{command}` {outcome}\n{quoted}\n"
            f"  all of its output: {log}\n  what to do: {advice(lines)}"
        )


def advice(output: str) -> str:
    return next((what for symptom, what in SYMPTOMS if re.search(symptom, output)), OTHERWISE)


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
    with _guard:
        _running.add(process)
    try:
        yield process
    finally:
        with _guard:
            _running.discard(process)
        if process.poll() is None:
            _end(process)


def stop_all() -> None:
    _stopping.set()
    with _guard:
        processes = list(_running)
    for process in processes:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)


def _since(log: Path, start: int) -> str:
    with log.open("rb") as lines:
        lines.seek(start)
        return lines.read().decode(errors="replace")
