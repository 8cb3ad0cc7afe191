"""The promoter as a process of its own, so that it can be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SETPRIV = "/usr/bin/setpriv"
"""Ends what we started when we die, however that comes."""
_STOP_SECONDS = 60.0


class Promoter:
    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        command = [sys.executable, "-m", "serving.cli", "promote", *arguments, "--json"]
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [SETPRIV, "--pdeathsig=TERM", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # an interrupt at the terminal is for us to pass on
            )

    @classmethod
    def run(cls, versions: Sequence[str], stack: str, waiver: str, log: Path) -> Promoter:
        return cls(["run", *versions, "--stack", stack, "--waive", waiver], log)

    @classmethod
    def resume(cls, model: str, stack: str, log: Path) -> Promoter:
        return cls(["resume", model, "--stack", stack], log)

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    @property
    def last_words(self) -> str:
        """Without what it says of each record."""
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if line.strip() and line[0] != "{"][-10:])

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def wait(self) -> int:
        return self._process.wait()

    def stop(self) -> None:
        """At its next safe point."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
