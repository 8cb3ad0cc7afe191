"""Windows of a version's past, as they would have been observed then."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from serving.errors import ServingError
from serving.promotion.arm import Side
from serving.promotion.increments import Raw
from serving.promotion.measurement import Arm, Window
from serving.promotion.metrics import LOOKBACK
from serving.promotion.prometheus import Failed, Prometheus
from serving.promotion.reading import Observed, read
from serving.promotion.scrape import Scrape
from serving.promotion.tally import Tally

AT_ONCE: Final = 200
"""Windows that one question covers."""


def past(
    prometheus: Prometheus, side: Side, since: float, until: float, seconds: float, interval: float
) -> Iterator[Window]:
    """The usable ones, the version in the role of stable. Raises ServingError without an answer."""
    tally = Tally(weight=100)
    while since < until:
        end = min(since + AT_ONCE * seconds, until)
        series = _series(prometheus, side, since, end, interval)
        while since + seconds <= end:
            window, tally = _window(side, series, since, seconds, interval, tally)
            if not window.unmet:
                yield replace(window, stable=window.canary, canary=Arm())
            since += seconds
        if since + seconds > until:
            return


def _series(
    prometheus: Prometheus, side: Side, since: float, end: float, interval: float
) -> Mapping[str, tuple[Raw, ...]]:
    reach = round(1000 * (end - since + LOOKBACK * interval))
    queries = {selector: f"{selector}[{reach}ms]" for selector in sorted(side.selectors)}
    answers = prometheus.ask(list(queries.values()), end)
    found = {}
    for selector, query in queries.items():
        answer = answers[query]
        if isinstance(answer, Failed):
            raise ServingError(
                f"Prometheus does not tell the past: {answer.detail}\n  the query: {answer.query}"
            )
        found[selector] = answer
    return found


def _window(
    side: Side,
    series: Mapping[str, tuple[Raw, ...]],
    since: float,
    seconds: float,
    interval: float,
    tally: Tally,
) -> tuple[Window, Tally]:
    until = since + seconds
    scrape = Scrape(
        series={
            selector: tuple(_cut(raws, since - LOOKBACK * interval, until))
            for selector, raws in series.items()
        },
        since=since,
        until=until,
        interval=interval,
    )
    # who was down is not asked: what was not scraped is missed all the same
    seen = Observed(
        sides={"canary": side},
        scrape=scrape,
        down=dict.fromkeys(side.downs, ()),
        past_gateway={},
    )
    return read(seen, Window(started=since, seconds=seconds, weight=100), tally)


def _cut(raws: tuple[Raw, ...], since: float, until: float) -> Iterator[Raw]:
    for raw in raws:
        first = bisect_left(raw.samples, since, key=lambda sample: sample[0])
        last = bisect_right(raw.samples, until, key=lambda sample: sample[0])
        if first < last:
            yield Raw(raw.labels, raw.samples[first:last])
