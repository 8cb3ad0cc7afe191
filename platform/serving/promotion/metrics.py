"""Windows of a promotion, observed: the protocol, and its implementation on Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from serving.errors import InputError, ServingError
from serving.promotion import preconditions as require
from serving.promotion.arm import Side
from serving.promotion.gateway import Gateway
from serving.promotion.measurement import Unmet, Window
from serving.promotion.prometheus import Failed, Prometheus
from serving.promotion.reading import Observed, read
from serving.promotion.scrape import Scrape
from serving.promotion.tally import Subject, Tally

CLOCK = "time()"
LAG_SECONDS = 2.0
"""Samples younger than this may still be on their way into Prometheus."""
LOOKBACK = 3
"""Intervals before the window in which the sample that it starts from is looked for."""
LONGEST = 10
"""Intervals. A longer window would mix times that have little in common."""


class Metrics(Protocol):
    def validate(self, subject: Subject) -> None:
        """Runs every query once. Raises ServingError where one is refused or unanswered."""
        ...

    def observe(
        self,
        subject: Subject,
        weight: int,
        tally: Tally,
        past_gateway: Mapping[str, int] | None = None,
    ) -> tuple[Window, Tally]:
        """What happened since the last window; what is missing is told in it, not raised.

        `past_gateway`: by arm, golden requests and probes sent straight to servers meanwhile.
        """
        ...


class PrometheusMetrics:
    def __init__(
        self,
        prometheus: Prometheus,
        gateway: Gateway,
        *,
        interval: float,
        clock: Callable[[], float],
    ) -> None:
        self._prometheus = prometheus
        self._gateway = gateway
        self._interval = interval
        """Seconds between two scrapes of one target."""
        self._clock = clock

    def validate(self, subject: Subject) -> None:
        sides = self._sides(subject)
        selectors = _selectors(sides)
        queries = [CLOCK, *(f"{selector}[1m]" for selector in selectors), *_downs(sides)]
        for answer in self._prometheus.ask(queries).values():
            if isinstance(answer, Failed) and answer.refused:
                raise InputError(
                    f"model {subject.contract.name}: Prometheus refuses a query that the "
                    f"promotion needs: {answer.detail}\n  the query: {answer.query}"
                )
            if isinstance(answer, Failed):
                raise ServingError(
                    f"model {subject.contract.name}: Prometheus does not answer: {answer.detail}"
                    f"\n  the query: {answer.query}\n  nothing was changed; repeat when it does"
                )

    def queries(self, subject: Subject) -> Mapping[str, str]:
        """For the journal: what is asked, by arm and by what it measures."""
        return {
            f"{arm} {what}": query
            for arm, side in self._sides(subject).items()
            for what, query in side.queries.items()
        }

    def observe(
        self,
        subject: Subject,
        weight: int,
        tally: Tally,
        past_gateway: Mapping[str, int] | None = None,
    ) -> tuple[Window, Tally]:
        clock = self._prometheus.ask([CLOCK])[CLOCK]
        own = self._clock()
        now = own if isinstance(clock, Failed) else clock[0].samples[0][1]
        tally = tally.at(weight, now + self._interval)
        until = now - LAG_SECONDS
        since = until - self._interval if tally.until is None else tally.until
        if until - since > LONGEST * self._interval:
            since = until - self._interval
        window = Window(started=since, seconds=max(until - since, 0.0), weight=weight)
        if isinstance(clock, Failed):
            unmet: tuple[Unmet, ...] = (_unanswered(clock),)
        else:
            unmet = require.unmet_among(require.clocks_agree(own, now, CLOCK))
        if unmet or until <= since:
            early = Unmet("window-over", CLOCK, "no time has passed since the last window")
            return replace(window, unmet=unmet or (early,)), tally
        return self._read(self._sides(subject), window, tally, past_gateway or {})

    def _sides(self, subject: Subject) -> dict[str, Side]:
        contract, gateway = subject.contract, self._gateway
        canary = Side.of(contract, subject.canary, gateway, mirrored=subject.mirrored)
        if subject.stable is None:
            return {"canary": canary}
        compared = subject.stable_contract or contract
        return {"canary": canary, "stable": Side.of(compared, subject.stable, gateway)}

    def _read(
        self,
        sides: Mapping[str, Side],
        window: Window,
        tally: Tally,
        past_gateway: Mapping[str, int],
    ) -> tuple[Window, Tally]:
        until = window.started + window.seconds
        selectors, downs = _selectors(sides), _downs(sides)
        reach = round(1000 * (window.seconds + LOOKBACK * self._interval))
        ranges = {selector: f"{selector}[{reach}ms]" for selector in selectors}
        answers = self._prometheus.ask([*ranges.values(), *downs], until)
        tally = replace(tally, until=until)
        failed = [answer for answer in answers.values() if isinstance(answer, Failed)]
        if failed:
            by_detail = {each.detail: _unanswered(each) for each in reversed(failed)}
            unmet = tuple(reversed(by_detail.values()))
            return replace(window, unmet=unmet), replace(tally, accounts={})
        found = {
            query: answer for query, answer in answers.items() if not isinstance(answer, Failed)
        }
        scrape = Scrape(
            series={selector: found[ranges[selector]] for selector in selectors},
            since=window.started,
            until=until,
            interval=self._interval,
        )
        down = {query: found[query] for query in downs}
        seen = Observed(sides=sides, scrape=scrape, down=down, past_gateway=past_gateway)
        return read(seen, window, tally)


def _selectors(sides: Mapping[str, Side]) -> list[str]:
    return sorted({selector for side in sides.values() for selector in side.selectors})


def _downs(sides: Mapping[str, Side]) -> tuple[str, ...]:
    return tuple(query for side in sides.values() for query in side.downs)


def _unanswered(failed: Failed) -> Unmet:
    return Unmet("prometheus-answers", failed.query, failed.detail)
