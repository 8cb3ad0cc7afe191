"""What must hold before a window may be judged. Each names itself and the query it looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import exp, inf, lgamma, log
from typing import Any, Self

from serving.promotion.increments import Raw, Target
from serving.promotion.measurement import Unmet
from serving.promotion.scrape import Scrape, by_edge

CLOCK_SECONDS = 5.0
MISSED_SCRAPES = 2.5
"""Times the interval: one scrape may be missed, as counters lose nothing by it."""
SCRAPED_SHARE = 0.9
SHARE_DOUBT = 0.001
"""Of false alarms about the share at one weight, however often it is looked at."""
AGREEMENT = 0.05
AGREEMENT_REQUESTS = 200


def clocks_agree(own: float, store: float, query: str) -> Unmet | None:
    if abs(own - store) <= CLOCK_SECONDS:
        return None
    return Unmet(
        "clocks-agree", query, f"Prometheus' clock is {store - own:+.1f} s from this machine's"
    )


def values_valid(scrape: Scrape) -> Unmet | None:
    for selector, series in scrape.series.items():
        for raw in series:
            if not raw.counts:
                return Unmet("values-valid", selector, "NaN, infinite or negative")
    return None


def series_present(scrape: Scrape, selectors: Iterable[str]) -> Unmet | None:
    for selector in selectors:
        if not scrape.series[selector]:
            return Unmet("series-present", selector, "no such series")
    return None


def fresh(scrape: Scrape, selectors: Iterable[str]) -> Unmet | None:
    for selector in selectors:
        newest = max((raw.samples[-1][0] for raw in scrape.series[selector]), default=-inf)
        age = scrape.until - newest
        if scrape.series[selector] and age > MISSED_SCRAPES * scrape.interval:
            return Unmet("fresh", selector, f"the last sample is {age:.0f} s old")
    return None


def unbroken(scrape: Scrape, selectors: Iterable[str]) -> Unmet | None:
    """Scraped from before the window on, and no longer without than one miss explains."""
    for selector in selectors:
        times: defaultdict[Target, set[float]] = defaultdict(set)
        for raw in scrape.series[selector]:
            times[raw.target].update(at for at, _ in raw.samples)
        if times and scrape.known.isdisjoint(times):
            return Unmet("unbroken", selector, "not scraped before the window")
        for (job, instance), seen in times.items():
            for before, after in pairwise(sorted(seen)):
                if after > scrape.since and after - before > MISSED_SCRAPES * scrape.interval:
                    detail = f"{instance or job} was not scraped for {after - before:.0f} s"
                    return Unmet("unbroken", selector, detail)
    return None


def targets_down(selectors: Iterable[str]) -> str:
    """The query for targets that are down and exported one of these a moment ago."""
    exported = " or ".join(f"last_over_time({selector}[5m])" for selector in selectors)
    return f"up == 0 and on (job, instance) group by (job, instance) ({exported})"


def targets_up(down: Collection[Raw], query: str) -> Unmet | None:
    if not down:
        return None
    names = sorted(raw.labels.get("instance", "?") for raw in down)
    return Unmet("target-up", query, f"down: {', '.join(names)}")


def edges_present(scrape: Scrape, selector: str, edges: Iterable[float]) -> Unmet | None:
    found = by_edge(scrape.series[selector]).keys()
    missing = [edge for edge in (*edges, inf) if edge not in found]
    if not missing:
        return None
    text = ", ".join(f"{edge:g}" for edge in missing)
    return Unmet("edges-present", selector, f"the histogram has no edge at {text} ms")


def servers_scraped(used: Collection[str], scraped: Collection[str], query: str) -> Unmet | None:
    """Of the pods that got requests, hardly any is missing."""
    missing = sorted(set(used) - set(scraped))
    if scraped and len(missing) <= (1 - SCRAPED_SHARE) * len(used):
        return None
    return Unmet("both-scraped", query, f"not scraped: {', '.join(missing) or 'all of them'}")


def share_doubt(canary: int, total: int, weight: int) -> float:
    """Log evidence that the canary's share is not its weight; a fair bet at every look.

    The binomial likelihood of every other share, averaged, over that of the weight (Robbins 1970):
    by Ville's inequality it ever exceeds 1/p with a probability of at most p.
    """
    share, rest = weight / 100, total - canary
    if not 0 < share < 1:
        return 0.0
    averaged = lgamma(canary + 1) + lgamma(rest + 1) - lgamma(total + 2)
    return averaged - canary * log(share) - rest * log(1 - share)


def share_agrees(canary: int, stable: int, weight: int, query: str) -> Unmet | None:
    total = canary + stable
    doubt = share_doubt(canary, total, weight)
    if doubt < -log(SHARE_DOUBT):
        return None
    detail = (
        f"{canary} of {total} requests ({canary / total:.1%}) since the weight became {weight} %: "
        f"{exp(min(doubt, 700.0)):.2g} to 1 against chance"
    )
    return Unmet("share-agrees", query, detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Requests of one version's servers, as the gateway and as they themselves count them."""

    tries: int = 0
    answered: int = 0
    helped: int = 0
    past_gateway: int = 0
    """Golden requests and probes, known to have gone straight to the servers."""
    served: int = 0

    def plus(self, other: Self) -> Self:
        return type(self)(
            tries=self.tries + other.tries,
            answered=self.answered + other.answered,
            helped=self.helped + other.helped,
            past_gateway=self.past_gateway + other.past_gateway,
            served=self.served + other.served,
        )

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def counters_agree(account: Account, now: Account, query: str) -> Unmet | None:
    """The servers count no more than they were sent, and no less than they answered well.

    They are not scraped in the same instant as the gateway: what one side counted in this window
    may be in no scrape of the other yet.
    """
    if account.tries < AGREEMENT_REQUESTS:
        return None
    sent = account.tries + account.past_gateway
    slack = AGREEMENT * sent
    least, most = account.answered + account.past_gateway, sent + account.helped
    unscraped = now.tries + now.past_gateway
    if least - slack - unscraped <= account.served <= most + slack + now.served:
        return None
    detail = f"the servers count {account.served} requests, the gateway {least} to {most}"
    return Unmet("counters-agree", query, detail)


def unmet_among(*found: Unmet | None) -> tuple[Unmet, ...]:
    return tuple(each for each in found if each is not None)
