"""Where promoters are started, and killed from outside: each in a folder of its own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.torture.halting import FAULT, GO_ON, REACHED
from benchmarks.torture.points import Story
from serving.toolchain.programs import locate
from tests.engine import small

MARK: Final = "SERVING_TORTURE"
"""In the environment of all that belongs to one folder."""
LIMIT_SECONDS: Final = 900.0
"""After which a promotion that has not ended hangs."""
POLL_SECONDS: Final = 0.02
LINGER_SECONDS: Final = 10.0
"""A provider's double looks every half second whether its engine still lives."""
_PROC: Final = Path("/proc")
_PATH: Final = os.pathsep.join([str(small.ROOT), str(small.ROOT / "platform")])


@dataclass(frozen=True, kw_only=True)
class Workshop:
    folder: Path

    def __post_init__(self) -> None:
        plugin = self._plugins / "pulumi-resource-folder"
        plugin.parent.mkdir(parents=True, exist_ok=True)
        command = shlex.join([sys.executable, "-m", "tests.engine.double_folder"])
        plugin.write_text(f'#!/bin/sh\nexec {command} "${MARK}/things"\n', encoding="utf-8")
        plugin.chmod(0o755)

    @property
    def _plugins(self) -> Path:
        return self.folder / "plugins"

    def new(self, name: str) -> Path:
        """A place with version 1 in it."""
        folder = self.empty(name)
        for part in ("state", "things"):
            (folder / part).mkdir(parents=True)
        command = [sys.executable, "-m", "benchmarks.torture.promoter", str(folder), "--set-up"]
        subprocess.run(command, cwd=small.ROOT, env=self.environment(folder), check=True)
        return folder

    def copy(self, saved: Path, name: str) -> Path:
        return copied(saved, self.empty(name))

    def empty(self, name: str) -> Path:
        folder = self.folder / "places" / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def environment(self, folder: Path) -> Mapping[str, str]:
        search = [str(self._plugins), str(locate("pulumi").path.parent), os.environ["PATH"]]
        return {
            **os.environ,
            MARK: str(folder),
            "PATH": os.pathsep.join(search),
            "PYTHONPATH": _PATH,
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def promoter(self, folder: Path, story: Story, stop: str = "", *options: str) -> Promoter:
        command = [sys.executable, "-m", "benchmarks.torture.promoter", str(folder)]
        command += ["--steps", ",".join(map(str, story.steps)), "--stop", stop, *options]
        if story.harm_from is not None:
            command += ["--harm-from", str(story.harm_from)]
        process = subprocess.Popen(
            command,
            cwd=small.ROOT,
            env=self.environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return Promoter(folder, process)


@dataclass(frozen=True)
class Promoter:
    folder: Path
    process: subprocess.Popen[str]

    def reached(self) -> str | None:
        """What it says where it stops; None where it has ended without a stop."""
        until = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < until:
            with suppress(FileNotFoundError):
                return (self.folder / REACHED).read_text(encoding="utf-8")
            if self.process.poll() is not None:
                return None
            time.sleep(POLL_SECONDS)
        return None

    def go_on(self) -> None:
        go_on(self.folder)
        while (self.folder / GO_ON).exists() and self.process.poll() is None:
            time.sleep(POLL_SECONDS)

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.end()

    def end(self) -> tuple[int, str]:
        """Exit status and what it said; killed where it hangs."""
        try:
            _, said = self.process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, said = self.process.communicate()
            said += f"did not end within {LIMIT_SECONDS:g} s"
        return self.process.returncode, said


def go_on(folder: Path) -> None:
    (folder / GO_ON).touch()


def forget(folder: Path) -> None:
    """Nobody is stopped any more."""
    for name in (FAULT, REACHED, GO_ON):
        (folder / name).unlink(missing_ok=True)


def copied(saved: Path, to: Path) -> Path:
    """Without what is locked: that is for whoever starts from the copy."""
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(saved, to, ignore=shutil.ignore_patterns(FAULT, REACHED, GO_ON, "locks"))
    return to


def locks(folder: Path) -> Sequence[Path]:
    return sorted((folder / "state").rglob("locks/**/*.json"))


def lock(folder: Path) -> Path:
    """As if this very process were an engine that holds the stack."""
    content = {
        "pid": os.getpid(),
        "username": "lee",
        "hostname": socket.gethostname(),
        "timestamp": datetime.now(UTC).isoformat(),
    }
    where = folder / "state" / ".pulumi" / "locks" / "organization" / "serving" / small.STACK
    file = where / f"{uuid.uuid4()}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def engine_of(folder: Path) -> int | None:
    """The process that holds the stack."""
    for file in locks(folder):
        with suppress(FileNotFoundError, ValueError):
            return int(json.loads(file.read_bytes())["pid"])
    return None


def kill_engine(folder: Path) -> bool:
    pid = engine_of(folder)
    if pid is None or pid == os.getpid():
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def kill_engines(folder: Path) -> bool:
    """Whatever part of Pulumi's command runs for the folder, an update or not."""
    found = False
    for pid in living(folder):
        with suppress(OSError):
            if (_PROC / str(pid) / "comm").read_text().strip() == "pulumi":
                os.kill(pid, signal.SIGKILL)
                found = True
    return found


def living(folder: Path) -> Iterator[int]:
    """Processes that belong to the folder: promoters, engines, providers."""
    mark = f"{MARK}={folder}".encode()
    for place in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if mark in (place / "environ").read_bytes().split(b"\0"):
                yield int(place.name)


def strays(folder: Path) -> Sequence[int]:
    """Those that outlive all promoters; they are ended."""
    until = time.monotonic() + LINGER_SECONDS
    while (found := list(living(folder))) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found
