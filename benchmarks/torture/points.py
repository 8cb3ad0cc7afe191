"""Where a promotion can be killed: every record, every effect, every operation of the engine."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from serving.promotion.phases import PREPARING, Phase
from serving.promotion.plan import COMPARABLE_WEIGHT

STEPS: Final = (5, 10, 25, 50, 95)
MODEL: Final = "digits"
ROUTE: Final = f"update {MODEL}-route"
OPERATIONS: Final[Mapping[str, Sequence[str]]] = {
    Phase.DEPLOY: (f"create {MODEL}-2", ROUTE),
    Phase.SHIFT: (ROUTE,),
    Phase.PROMOTE: (ROUTE,),
    Phase.REMOVE: (ROUTE, f"delete {MODEL}-2"),
}
"""Of the provider, one after the other."""
BEGIN: Final = "begin"
OBSERVE: Final = "observe"
END: Final = "end"


class Where(StrEnum):
    """In one step of the protocol, in the order of time."""

    LEASED = "lease taken, nothing recorded"
    STARTED = "start recorded"
    SEEN = "window seen, not recorded"
    OBSERVED = "window recorded, not decided on"
    BEFORE_INTENT = "before the intent"
    INTENT = "intent written, lease not checked"
    CHECKED = "intent written, effect not begun"
    UPDATE = "update about to begin"
    ENGINE = "engine has the stack, nothing begun"
    ASKED = "operation asked for, not done"
    DONE = "operation done, engine does not know"
    EFFECT = "effect done, not recorded"
    RECORDED = "effect recorded"
    ENDING = "end not recorded"
    ENDED = "end recorded, lease not given back"

    @property
    def in_engine(self) -> bool:
        return self in (Where.ENGINE, Where.ASKED, Where.DONE)


class Victim(StrEnum):
    PROMOTER = "promoter"
    ENGINE = "engine"
    BOTH = "both"


@dataclass(frozen=True, kw_only=True)
class Site:
    """One step of the protocol."""

    action: str
    weight: int | None = None

    @property
    def name(self) -> str:
        return self.action if self.weight is None else f"{self.action}, {self.weight}"

    @property
    def operations(self) -> Sequence[str]:
        return OPERATIONS.get(self.action, ())


@dataclass(frozen=True, kw_only=True)
class Story:
    """What becomes of a promotion that is left alone."""

    name: str
    steps: Sequence[int] = STEPS
    harm_from: int | None = None
    """The weight from which on the canary fails."""
    locked: bool = False
    """Somebody else holds the stack when the rollback is due."""

    @property
    def outcome(self) -> str:
        return "promoted" if self.harm_from is None else "rolled back"

    @property
    def sites(self) -> Sequence[Site]:
        """Effects; of a rollback those that the promotion does not have as well."""
        if self.harm_from is None:
            shifts = [Site(action=Phase.SHIFT, weight=step) for step in self.steps]
            preparing = [Site(action=phase) for phase in PREPARING]
            return [*preparing, *shifts, Site(action=Phase.PROMOTE, weight=100)]
        action = Phase.BREAK_GLASS if self.locked else Phase.SHIFT
        back = [Site(action=action, weight=weight) for weight in self._back]
        return [*back, Site(action=Phase.REMOVE)]

    @property
    def weights(self) -> Sequence[int]:
        """Of the canary, as the route is to have them, one after the other."""
        if self.harm_from is None:
            return [0, *self.steps, 100]
        return [0, *(step for step in self.steps if step <= self.harm_from), *self._back]

    @property
    def _back(self) -> Sequence[int]:
        """Where stable is too small to compare with, one step back comes first."""
        lower = [step for step in self.steps if step < (self.harm_from or 0)]
        return [*(lower[-1:] if (self.harm_from or 0) > COMPARABLE_WEIGHT else []), 0]


@dataclass(frozen=True, kw_only=True)
class Point:
    story: Story
    site: Site
    where: Where
    operation: str = ""
    victim: Victim = Victim.PROMOTER

    @property
    def name(self) -> str:
        return " / ".join(
            filter(None, (self.story.name, self.site.name, self.operation, self.where, self.victim))
        )

    @property
    def stop(self) -> str:
        """As the promoter is told it."""
        weight = "" if self.site.weight is None else str(self.site.weight)
        return "|".join((self.site.action, weight, self.where, self.operation))


def stories(steps: Sequence[int] = STEPS) -> tuple[Story, ...]:
    back = [Story(name=f"rollback from {w} %", steps=steps, harm_from=w) for w in steps]
    middle = steps[len(steps) // 2]
    locked = Story(
        name=f"rollback from {middle} %, stack locked", steps=steps, harm_from=middle, locked=True
    )
    return (Story(name="promotion", steps=steps), *back, locked)


_PLAIN: Final = (Where.BEFORE_INTENT, Where.CHECKED, Where.EFFECT, Where.RECORDED)


def points(story: Story) -> Iterator[Point]:
    """Each durable state that the protocol passes through, in order, with each victim there is."""
    promotion = story.harm_from is None
    if promotion:
        begin = Site(action=BEGIN)
        yield Point(story=story, site=begin, where=Where.LEASED)
        yield Point(story=story, site=begin, where=Where.STARTED)
    for site in story.sites:
        if promotion and site.action in (Phase.SHIFT, Phase.PROMOTE):
            before = [0, *story.steps][[*story.steps, 100].index(site.weight or 0)]
            yield from _gate(story, before)
        yield from _effect(story, site)
    if promotion:
        yield from _gate(story, 100)
    for where in (Where.ENDING, Where.ENDED):
        yield Point(story=story, site=Site(action=END), where=where)


def shuffled(found: Iterable[Point], seed: int) -> list[Point]:
    """So that those that have been run, when a run is stopped, are a fair sample."""
    drawn = list(found)
    random.Random(seed).shuffle(drawn)  # noqa: S311  # an order, not a secret
    return drawn


def pausing(story: Story) -> Iterator[Point]:
    """Where a holder may fall asleep; with the engine it has started, or beside it."""
    for point in points(story):
        if point.where is Where.ENDED or (point.where.in_engine and point.victim is Victim.ENGINE):
            continue
        if point.where is Where.CHECKED:
            yield replace(point, where=Where.INTENT)
        yield point
        if point.where is Where.CHECKED and point.site.operations:
            yield replace(point, where=Where.UPDATE)


def _gate(story: Story, weight: int) -> Iterator[Point]:
    for where in (Where.SEEN, Where.OBSERVED):
        yield Point(story=story, site=Site(action=OBSERVE, weight=weight), where=where)


def _effect(story: Story, site: Site) -> Iterator[Point]:
    for where in _PLAIN[:2]:
        yield Point(story=story, site=site, where=where)
    if site.operations:
        for victim in Victim:
            yield Point(story=story, site=site, where=Where.ENGINE, victim=victim)
    for operation in site.operations:
        for where in (Where.ASKED, Where.DONE):
            for victim in Victim:
                yield Point(story=story, site=site, where=where, operation=operation, victim=victim)
    for where in _PLAIN[2:]:
        yield Point(story=story, site=site, where=where)
