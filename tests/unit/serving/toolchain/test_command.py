"""What a failing step says, and that stopping leaves no process behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serving.toolchain.command import LAST_LINES, OTHERWISE, StepFailed, advice, run

ROOT = Path(__file__).resolve().parents[4]
STOPPED = """
import sys, threading, time
from pathlib import Path
from serving.toolchain.command import run, stop_all

log = Path(sys.argv[1])
command = ["sh", "-c", "sleep 60 & echo $!; wait"]
thread = threading.Thread(target=lambda: run("sleeper", command, log=log))
threading.excepthook = lambda args: print(args.exc_value)
thread.start()
while "\\n" not in log.read_text().partition("wait'\\n")[2]:
    time.sleep(0.01)
stop_all()
thread.join()
"""


def fail(tmp_path: Path, script: str) -> StepFailed:
    with pytest.raises(StepFailed) as failure:
        run("thing", ["sh", "-c", script], log=tmp_path / "thing.log")
    return failure.value


def test_a_failure_names_program_command_last_lines_log_and_remedy(tmp_path: Path) -> None:
    said = str(fail(tmp_path, "seq 50; echo 'write: No space left on device' >&2; exit 28"))
    first, *lines = said.splitlines()
    assert first.startswith("thing: `sh -c ")
    assert first.endswith("ended with status 28; its last lines:")
    assert lines[: LAST_LINES - 1] == [f"    {n}" for n in range(52 - LAST_LINES, 51)]
    assert lines[LAST_LINES - 1 :] == [
        "    write: No space left on device",
        f"  all of its output: {tmp_path / 'thing.log'}",
        "  what to do: free some disk space, then repeat",
    ]


def test_only_the_failing_command_is_quoted(tmp_path: Path) -> None:
    run("thing", ["echo", "the first went well"], log=tmp_path / "thing.log")
    assert "went well" not in str(fail(tmp_path, "exit 1"))
    assert "went well" in (tmp_path / "thing.log").read_text()


def test_a_program_that_is_not_there_is_a_failed_step(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"thing: `no-such-program` could not be started"):
        run("thing", ["no-such-program"], log=tmp_path / "thing.log")


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        ("cause: error sending request for url (https://example.org/simple/numpy/)", "no network"),
        ("Failed to fetch: Temporary failure resolving 'deb.example.org'", "no network"),
        ("dial tcp: lookup proxy.example.org: no such host", "no network"),
        ("E: Unable to locate package prometheus", "sudo apt-get update"),
        ("cause: Hash mismatch for `pathspec==1.1.1`", "not what its lock file names"),
        ("tls: failed to verify certificate: x509: unknown authority", "SSL_CERT_FILE"),
        ("error: No interpreter found for Python 3.12 in search path", "Python 3.11 or 3.12"),
        ("Unable to initialize shared memory key 'triton_python_backend'", "/dev/shm"),
        ("/compile: signal: killed", "out of memory"),
        ("anything else", OTHERWISE),
    ],
)
def test_known_troubles_get_their_remedy(output: str, remedy: str) -> None:
    assert remedy in advice(output)


def test_stopping_ends_a_child_and_its_children(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    said = subprocess.run(
        [sys.executable, "-c", STOPPED, str(log)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "platform")},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    ).stdout
    assert "sleeper: `sh -c" in said
    grandchild = Path("/proc", log.read_text().split()[-1], "stat")
    deadline = time.monotonic() + 10
    while lives(grandchild) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not lives(grandchild)


def lives(stat: Path) -> bool:
    """A process that ended may stay in the table until somebody asks for its status."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
