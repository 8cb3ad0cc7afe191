"""States of a promotion that was left alone, copied before each of its effects."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.torture.checks import problems
from benchmarks.torture.halting import EVERYWHERE
from benchmarks.torture.ledger import slug
from benchmarks.torture.points import BEGIN, END, OBSERVE, Point, Site, Story
from benchmarks.torture.workshop import Workshop, copied, forget, lock
from serving.errors import ServingError
from serving.promotion.phases import Phase

COMPLETE: Final = "complete.json"
"""Beside the copies: how many seconds the promotion took from each of them to its end."""


@dataclass(frozen=True, kw_only=True)
class Saves:
    shop: Workshop
    folder: Path

    def before(self, point: Point) -> Path:
        return self.at(point.story, start_of(point))

    def at(self, story: Story, site: Site) -> Path:
        self.left(story)
        return self._folder(story) / slug(site.name)

    def left(self, story: Story) -> Mapping[str, float]:
        """Seconds to the end, by the name of the site."""
        file = self._folder(story) / COMPLETE
        if not file.exists():
            shutil.rmtree(self._folder(story), ignore_errors=True)
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(self._made(story)), encoding="utf-8")
        found: Mapping[str, float] = json.loads(file.read_bytes())
        return found

    def _folder(self, story: Story) -> Path:
        return self.folder / "-".join(map(str, (*story.steps, slug(story.name))))

    def _made(self, story: Story) -> Mapping[str, float]:
        name = f"saving-{slug(story.name)}"
        saved: dict[str, float] = {}

        def save(site: str) -> None:
            copied(place, self._folder(story) / slug(site))
            saved[site] = time.monotonic()

        if story.harm_from is None:
            place = self.shop.new(name)
            save(BEGIN)
        else:
            place = self.shop.copy(self.at(*_well(story)), name)
        held = lock(place) if story.locked else None
        promoter = self.shop.promoter(place, story, EVERYWHERE)
        while (reached := promoter.reached()) is not None:
            if held is not None and reached == Phase.REMOVE:
                held.unlink()
                held = None
            save(reached)
            promoter.go_on()
        _, said = promoter.end()
        end = time.monotonic()
        forget(place)
        if wrong := problems(place, story):
            raise ServingError(f"{story.name}, left alone, went wrong: {wrong} {said} ({place})")
        shutil.rmtree(place)
        return {site: end - then for site, then in saved.items()}


def _well(story: Story) -> tuple[Story, Site]:
    """The healthy promotion, and the site that follows the weight from which on harm is done."""
    whole = Story(name="promotion", steps=story.steps)
    weights = [*story.steps, 100]
    following = weights[weights.index(story.harm_from or 0) + 1]
    return whole, next(site for site in whole.sites if site.weight == following)


def start_of(point: Point) -> Site:
    """Where the state was saved from which the point is reached first."""
    story, site = point.story, point.site
    if site.action == END:
        return story.sites[-1]
    if site.action == OBSERVE:
        later = [each for each in story.sites if (each.weight or 0) > (site.weight or 0)]
        return later[0] if later else story.sites[-1]
    return site
