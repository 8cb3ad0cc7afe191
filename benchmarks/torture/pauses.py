"""A holder that is stopped for longer than its lease, overtaken, and then wakes up."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.torture.checks import state
from benchmarks.torture.ledger import Ledger, Result, slug
from benchmarks.torture.points import Point, Story, Victim, Where, pausing, shuffled
from benchmarks.torture.promoter import CHECKOUT, JOURNAL, LEASE
from benchmarks.torture.running import Torment
from benchmarks.torture.saves import Saves
from benchmarks.torture.workshop import engine_of, lock
from serving.promotion.phases import Phase

PART: Final = "pauses"
TERM_SECONDS: Final = 1.0
SKEW_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 2.0
"""For the engine of the one who sleeps."""
OVERTAKEN: Final = ("the lease was taken over", "another process goes on with this promotion")
OPTIONS: Final = (
    *("--term", str(TERM_SECONDS), "--skew", str(SKEW_SECONDS)),
    *("--patience", str(PATIENCE_SECONDS)),
)


def pauses(ledger: Ledger, saves: Saves, stories: Sequence[Story], seed: int) -> Iterator[Result]:
    for point in shuffled((each for story in stories for each in pausing(story)), seed):
        result = ledger.find(PART, point.name)
        if result is None:
            result = paused(saves, point)
            ledger.keep(result)
        yield result


def paused(saves: Saves, point: Point) -> Result:
    folder = saves.shop.copy(saves.before(point), slug(f"paused {point.name}"))
    torment = Torment(saves.shop, folder, point.story)
    held = lock(folder) if point.site.action == Phase.BREAK_GLASS else None
    sleeper = torment.start(point.stop, *OPTIONS)
    if sleeper.reached() is None:
        torment.wrong("wrong end state", f"the point was not reached: {sleeper.end()}")
        return torment.result(PART, point.name, point.victim)
    asleep = [sleeper.process.pid]
    if point.victim is Victim.BOTH and (engine := engine_of(folder)) is not None:
        asleep.append(engine)
    _send(asleep, signal.SIGSTOP)
    time.sleep(TERM_SECONDS + SKEW_SECONDS)
    if held is not None:
        held.unlink()
    _overtaken(torment, point)
    before = _all(folder)
    _send(asleep, signal.SIGCONT)
    sleeper.go_on()
    code, said = sleeper.end()
    if not _gave_up(point, code, said):
        torment.wrong("late effect", f"who was overtaken ended with {code}: {said[-2000:]}")
    if point.where.in_engine:
        torment.to_end()
    elif (after := _all(folder)) != before:
        torment.wrong("late effect", f"{_difference(before, after)}")
    return torment.result(PART, point.name, point.victim)


def _gave_up(point: Point, code: int, said: str) -> bool:
    """Who had not looked at the journal yet may find there that all is done, and leave it so."""
    if point.where is Where.LEASED and code == 0:
        return True
    return code != 0 and any(each in said for each in OVERTAKEN)


def _overtaken(torment: Torment, point: Point) -> None:
    """The next one takes the lease; where an engine of the sleeper holds the stack, it waits."""
    if not point.where.in_engine:
        torment.to_end(torment.start("", *OPTIONS))
        return
    torment.start("", *OPTIONS).end()
    torment.note_pause()


def _send(processes: Sequence[int], number: signal.Signals) -> None:
    for pid in processes:
        os.kill(pid, number)


def _all(folder: Path) -> Mapping[str, bytes]:
    """Whatever an effect, or the record of one, would change."""
    files = [
        *(folder / "things").glob("*.json"),
        *(folder / CHECKOUT).glob("*"),
        *(folder / LEASE).glob("*.json"),
        folder / JOURNAL,
        folder / "operations",
    ]
    content = {str(file.relative_to(folder)): file.read_bytes() for file in sorted(files)}
    # an update that was refused has written its time, and the same resources in another order
    known = {key: value for key, value in state(folder).items() if key != "manifest"}
    known["resources"] = sorted(known["resources"], key=lambda each: str(each["urn"]))
    return {**content, "state": json.dumps(known, sort_keys=True).encode()}


def _difference(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    return ", ".join(
        f"{name}: {before.get(name, b'')[-300:]!r} became {after.get(name, b'')[-300:]!r}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )
