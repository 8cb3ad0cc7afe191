"""What set-up says while it works: plain lines, so that a log reads like a terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

REMINDER_SECONDS = 30.0


class Progress:
    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._lock = threading.Lock()

    def say(self, line: str) -> None:
        with self._lock:
            self._out.write(f"{line}\n")
            self._out.flush()

    def waiting(self, name: str) -> None:
        self.say(f"  {name}: another set-up is at it; waiting for its result")

    @contextlib.contextmanager
    def step(self, name: str, doing: str, usual: str) -> Iterator[Callable[[str], None]]:
        """Yields a function that takes what was achieved, for the closing line."""
        achieved: list[str] = []
        finished = threading.Event()
        started = time.monotonic()
        self.say(f"> {name}: {doing} (as a rule {usual})")

        def remind() -> None:
            while not finished.wait(REMINDER_SECONDS):
                self.say(f"  {name}: at it for {_clock(started)} (as a rule {usual})")

        threading.Thread(target=remind, daemon=True).start()
        try:
            yield achieved.append
        except BaseException:
            self.say(f"x {name}: failed after {_clock(started)}")
            raise
        finally:
            finished.set()
        self.say(f"+ {name}: {'; '.join(achieved) or 'done'} in {_clock(started)}")


def _clock(started: float) -> str:
    seconds = time.monotonic() - started
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
