"""Checks, side by side: none holds up another, and all of it has an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from serving.preflight.finding import Finding, unknown
from serving.preflight.unanswered import why

SECONDS: Final = 90.0
"""What is still not answered then never was."""


@dataclass(frozen=True, kw_only=True)
class Check:
    name: str
    about: str
    """Until it is found."""
    look: Callable[[], Sequence[Finding]]


def run(
    checks: Sequence[Check],
    heard: Callable[[Check], None] = lambda check: None,
    seconds: float = SECONDS,
) -> Sequence[tuple[Check, Sequence[Finding]]]:
    """In the order of the checks. `heard` is told of each as soon as it is done."""
    answers: SimpleQueue[tuple[int, Sequence[Finding]]] = SimpleQueue()
    for index, check in enumerate(checks):
        # A thread that hangs must not keep the process from its end.
        threading.Thread(target=_look, args=(index, check, answers), daemon=True).start()
    found: dict[int, Sequence[Finding]] = {}
    end = time.monotonic() + seconds
    while len(found) < len(checks):
        try:
            index, findings = answers.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            break
        found[index] = findings
        heard(checks[index])
    return [(check, found.get(index, _late(check, seconds))) for index, check in enumerate(checks)]


def _look(index: int, check: Check, answers: SimpleQueue[tuple[int, Sequence[Finding]]]) -> None:
    try:
        found = check.look()
    except Exception as error:
        said, do = why(error)
        found = [unknown(check.about, said, do)]
    answers.put((index, found))


def _late(check: Check, seconds: float) -> Sequence[Finding]:
    return [unknown(check.about, f"no answer within {seconds:g} s", "run it again")]
