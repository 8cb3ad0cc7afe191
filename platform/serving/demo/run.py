"""The promotions of the demo, one after the other, while the load goes on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final

from serving.demo.counting import Played
from serving.demo.figures import Figures
from serving.demo.preparing import Ready
from serving.demo.promoter import Promoter
from serving.demo.scenario import MODEL, RATES, SCENARIO, WAIVER, Act
from serving.demo.sending import sending
from serving.demo.show import Screen
from serving.demo.story import Story
from serving.errors import ServingError
from serving.load import Load, read
from serving.promotion.course import Course
from serving.promotion.follow import follow
from serving.promotion.journal_file import SUFFIX, FileStore
from serving.promotion.record import Record
from serving.stacks.local.status import processes

TICK_SECONDS: Final = 0.5
UNDISTURBED_SECONDS: Final = 2.0
"""At the weight at which something is killed then."""
ALONE_SECONDS: Final = 3.0
"""Without a promoter, after it was killed."""
SETTLING_SECONDS: Final = 3.0
LIMIT_SECONDS: Final = 240.0
"""For one promotion; then it is told to stop, which is not as expected."""


def play(ready: Ready, screen: Screen) -> tuple[list[Played], Load]:
    record = ready.folder / "load.jsonl"
    with sending(ready.gateway, RATES, ready.tokens, ready.examples, record) as reading:
        figures = Figures(reading)
        with screen.playing(figures):
            _watch(SETTLING_SECONDS, figures, screen)
            played = [
                Performance(number, act, ready, figures, screen).perform()
                for number, act in enumerate(SCENARIO)
            ]
            _watch(SETTLING_SECONDS, figures, screen)
    return played, read(record)


def _watch(seconds: float, figures: Figures, screen: Screen) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        figures.look()
        screen.look()
        time.sleep(TICK_SECONDS)


class Performance:
    """Of one act: its promotion started, disturbed where that is due, followed to its end."""

    def __init__(
        self, number: int, act: Act, ready: Ready, figures: Figures, screen: Screen
    ) -> None:
        self._number = number
        self._act = act
        self._ready = ready
        self._figures = figures
        self._screen = screen
        self._log = ready.folder / f"promoter-{number + 1}.log"
        self._story = Story()
        self._undisturbed = act.disturbance is not None
        self._until = time.monotonic() + LIMIT_SECONDS

    def perform(self) -> Played:
        self._screen.act(self._number)
        folder = self._ready.place.promotions / MODEL
        known = set(folder.glob(f"*{SUFFIX}"))
        versions, stack = [f"{MODEL}={self._act.version}"], self._ready.place.name
        self._promoter = Promoter.run(versions, stack, WAIVER, self._log)
        try:
            journal = self._begun(folder, known)
            follow(FileStore(journal), self._heard, self._runs, self._pass)
        finally:
            self._promoter.stop()
        self._screen.ended(self._number, self._story.outcome)
        return Played(act=self._act, story=self._story, journal=str(journal))

    def _begun(self, folder: Path, known: set[Path]) -> Path:
        """The journal, as soon as it is there."""
        while not (new := set(folder.glob(f"*{SUFFIX}")) - known):
            if not self._runs():
                raise ServingError(
                    f"{MODEL} {self._act.version}: the promotion ended with exit code "
                    f"{self._promoter.exit_code} before it began:\n{self._promoter.last_words}"
                )
            _watch(TICK_SECONDS, self._figures, self._screen)
        return new.pop()

    def _heard(self, course: Course, record: Record) -> None:
        self._story.heard(course, record)
        self._screen.heard(course, record)

    def _runs(self) -> bool:
        return self._promoter.exit_code is None

    def _pass(self, _: float) -> None:
        """The time between two looks at the journal."""
        reached = self._story.weight >= self._act.at_weight
        if self._undisturbed and reached and time.time() > self._story.moved + UNDISTURBED_SECONDS:
            self._undisturbed = False
            self._disturb()
        if time.monotonic() > self._until:
            self._promoter.stop()
        _watch(TICK_SECONDS, self._figures, self._screen)

    def _disturb(self) -> None:
        if self._act.disturbance == "server killed":
            self._kill_server()
            return
        self._promoter.kill()
        self._happened("promoter killed")
        _watch(ALONE_SECONDS, self._figures, self._screen)
        self._promoter = Promoter.resume(MODEL, self._ready.place.name, self._log)
        self._screen.told("promoter resumed")

    def _kill_server(self) -> None:
        own = f"{MODEL}-{self._act.version}-"
        for each in processes(self._ready.place):
            if each.name.startswith(own) and each.alive:
                os.kill(each.pid, signal.SIGKILL)
        self._happened("server killed")

    def _happened(self, what: str) -> None:
        self._story.events.append((time.time(), what))
        self._screen.told(what)
