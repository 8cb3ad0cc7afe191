"""Kills promoter, engine or both at every point of the protocol, and lets the next one go on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks.torture.ledger import Ledger, Result, slug
from benchmarks.torture.points import Point, Story, Victim, Where, points, shuffled
from benchmarks.torture.running import Torment
from benchmarks.torture.saves import Saves
from benchmarks.torture.workshop import Promoter, go_on, kill_engine, lock
from serving.promotion.phases import Phase

PART: Final = "crashes"
OVERLAP_SECONDS: Final = 1.0
"""An operation goes on for so long after its promoter was killed, while the next one starts."""


def crashes(ledger: Ledger, saves: Saves, stories: Sequence[Story], seed: int) -> Iterator[Result]:
    for point in shuffled((each for story in stories for each in points(story)), seed):
        result = ledger.find(PART, point.name)
        if result is None:
            result = crash(saves, point)
            ledger.keep(result)
        yield result


def crash(saves: Saves, point: Point) -> Result:
    folder = saves.shop.copy(saves.before(point), slug(point.name))
    torment = Torment(saves.shop, folder, point.story)
    held = lock(folder) if point.site.action == Phase.BREAK_GLASS else None
    promoter = torment.start(point.stop)
    if promoter.reached() is None:
        torment.wrong("wrong end state", f"the point was not reached: {promoter.end()}")
        return torment.result(PART, point.name, point.victim)
    following = _struck(torment, promoter, point)
    if held is not None:
        held.unlink()
    torment.to_end(following)
    return torment.result(PART, point.name, point.victim)


def _struck(torment: Torment, promoter: Promoter, point: Point) -> Promoter | None:
    """The promoter that goes on, where one lives."""
    folder, victim = torment.folder, point.victim
    if victim is not Victim.PROMOTER and not kill_engine(folder):
        torment.wrong("wrong end state", "no engine held the stack")
    if victim is not Victim.ENGINE:
        promoter.kill()
    torment.kill()
    if victim is Victim.ENGINE:
        if point.where is Where.ENGINE:
            promoter.go_on()
        return promoter
    if victim is Victim.BOTH or not point.operation:
        return None
    following = torment.start()
    time.sleep(OVERLAP_SECONDS)
    go_on(folder)
    return following
