"""Kills promoter, engine or both at times drawn at random, sometimes again while it recovers."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.torture.ledger import Ledger, Result, slug
from benchmarks.torture.points import Site, Story, Victim
from benchmarks.torture.running import Torment
from benchmarks.torture.saves import Saves
from benchmarks.torture.workshop import POLL_SECONDS, Promoter, kill_engines, lock
from serving.promotion.phases import Phase

PART: Final = "kills"
AT_ONCE: Final = (1, 2, 3)
"""Kills of one promotion …"""
OFTEN: Final = (5, 3, 2)
"""… and how often each of these numbers is drawn."""


@dataclass(frozen=True, kw_only=True)
class Blow:
    victim: Victim
    after: float
    """Of the seconds that the promotion takes when left alone from there."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    number: int
    story: Story
    site: Site
    """Before which it is begun."""
    blows: Sequence[Blow]

    @property
    def name(self) -> str:
        return f"{self.number:04} / {self.story.name} / {self.site.name}"


def fate(seed: int, number: int, stories: Sequence[Story]) -> Fate:
    draw = random.Random(f"{seed}/{number}")  # noqa: S311  # times, not secrets
    story = draw.choice([stories[0]] * (len(stories) - 1) + list(stories[1:]))
    blows = [
        Blow(victim=draw.choice(list(Victim)), after=draw.random())
        for _ in range(*draw.choices(AT_ONCE, OFTEN))
    ]
    return Fate(number=number, story=story, site=draw.choice(story.sites), blows=blows)


def kills(
    ledger: Ledger, saves: Saves, stories: Sequence[Story], wanted: int, seed: int
) -> Iterator[Result]:
    """Until there were as many as wanted: a promotion that ends sooner is not killed."""
    number = done = 0
    while done < wanted:
        drawn = fate(seed, number, stories)
        result = ledger.find(PART, drawn.name)
        if result is None:
            result = suffered(saves, drawn)
            ledger.keep(result)
        number, done = number + 1, done + result.kills
        yield result


def suffered(saves: Saves, drawn: Fate) -> Result:
    left = saves.left(drawn.story)[drawn.site.name]
    folder = saves.shop.copy(saves.at(drawn.story, drawn.site), slug(drawn.name))
    torment = Torment(saves.shop, folder, drawn.story)
    held = lock(folder) if drawn.site.action == Phase.BREAK_GLASS else None
    promoter = torment.start()
    victims = []
    for blow in drawn.blows:
        _wait(promoter, blow.after * left)
        if held is not None and blow.victim is Victim.ENGINE:  # there is none before that
            held.unlink()
            held = None
        if (struck := _struck(promoter, blow.victim)) is None:
            break
        victims.append(struck)
        torment.kill()
        if struck is not Victim.ENGINE:
            promoter = torment.start()
        if held is not None:
            held.unlink()
            held = None
    if held is not None:
        promoter.end()
        torment.note_pause()
        held.unlink()
        promoter = torment.start()
    torment.to_end(promoter)
    return torment.result(PART, drawn.name, ", ".join(victims))


def _wait(promoter: Promoter, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and promoter.process.poll() is None:
        time.sleep(POLL_SECONDS)


def _struck(promoter: Promoter, victim: Victim) -> Victim | None:
    """Who was killed in fact: an engine is waited for; None where the promotion has ended."""
    if victim is Victim.ENGINE:
        while promoter.process.poll() is None:
            if kill_engines(promoter.folder):
                return victim
            time.sleep(POLL_SECONDS)
        return None
    if promoter.process.poll() is not None:
        return None
    engine = victim is Victim.BOTH and kill_engines(promoter.folder)
    promoter.kill()
    return Victim.BOTH if engine else Victim.PROMOTER
