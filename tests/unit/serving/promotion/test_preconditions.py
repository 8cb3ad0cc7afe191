"""Preconditions: what each of them lets through, and what it stops with which words."""

from __future__ import annotations

from collections import defaultdict
from math import comb, exp, log

import pytest

from serving.promotion.increments import Raw, Sample
from serving.promotion.measurement import Unmet
from serving.promotion.preconditions import (
    SHARE_DOUBT,
    Account,
    clocks_agree,
    counters_agree,
    edges_present,
    fresh,
    series_present,
    servers_scraped,
    share_agrees,
    share_doubt,
    targets_up,
    unbroken,
    values_valid,
)
from serving.promotion.scrape import Scrape

Q = "requests"


def scrape(*series: list[Sample], **labels: str) -> Scrape:
    raws = tuple(Raw({"instance": "gw", **labels}, samples) for samples in series)
    return Scrape(series={Q: raws}, since=100.0, until=115.0, interval=15.0)


def named(unmet: Unmet | None, name: str) -> str:
    assert unmet is not None
    assert unmet.name == name
    assert unmet.query
    return unmet.detail


def ever_alarms(weight: int, share: float, requests: int) -> float:
    """Exactly: the probability that any look at the first so many requests alarms."""
    alive = {0: 1.0}
    alarmed = 0.0
    for total in range(1, requests + 1):
        after: defaultdict[int, float] = defaultdict(float)
        for canary, probability in alive.items():
            after[canary + 1] += probability * share
            after[canary] += probability * (1 - share)
        for canary in [c for c in after if share_doubt(c, total, weight) >= -log(SHARE_DOUBT)]:
            alarmed += after.pop(canary)
        alive = after
    return alarmed


@pytest.mark.parametrize("weight", [1, 5, 10, 25, 50, 95])
def test_a_right_share_alarms_no_more_often_than_stated_however_often_one_looks(
    weight: int,
) -> None:
    assert ever_alarms(weight, weight / 100, 600) <= SHARE_DOUBT


@pytest.mark.parametrize("weight", [1, 5, 10, 25, 50, 95])
def test_the_evidence_against_a_right_share_is_a_fair_bet(weight: int) -> None:
    share = weight / 100
    for total in (1, 7, 60, 300):
        expected = sum(
            exp(
                log(comb(total, canary))
                + canary * log(share)
                + (total - canary) * log(1 - share)
                + share_doubt(canary, total, weight)
            )
            for canary in range(total + 1)
        )
        assert expected == pytest.approx(1.0)


def test_a_healthy_split_of_five_percent_at_twenty_requests_a_second_does_not_alarm() -> None:
    """Of 300 requests a window, a quarter more or less than 15 is common and no alarm."""
    for canary in range(6, 27):
        assert share_agrees(canary, 300 - canary, 5, Q) is None
    assert ever_alarms(5, 0.05, 1200) <= SHARE_DOUBT


@pytest.mark.parametrize(
    ("weight", "share", "requests"), [(5, 0.0, 250), (5, 0.5, 60), (5, 0.10, 1200), (50, 0.95, 60)]
)
def test_a_wrong_share_is_found_soon(weight: int, share: float, requests: int) -> None:
    assert ever_alarms(weight, share, requests) > 0.95


def test_a_wrong_share_is_told_in_numbers() -> None:
    detail = named(share_agrees(150, 150, 5, Q), "share-agrees")
    assert "150 of 300 requests (50.0%) since the weight became 5 %" in detail


@pytest.mark.parametrize("weight", [0, 100])
def test_where_there_is_nothing_to_share_nothing_is_tested(weight: int) -> None:
    assert share_agrees(3, 200, weight, Q) is None


def test_clocks_may_differ_by_five_seconds() -> None:
    assert clocks_agree(1000.0, 1004.9, Q) is None
    assert "+60.0 s" in named(clocks_agree(1000.0, 1060.0, Q), "clocks-agree")
    assert "-60.0 s" in named(clocks_agree(1000.0, 940.0, Q), "clocks-agree")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -3.0])
def test_a_value_that_is_no_count_stops_the_window(value: float) -> None:
    assert values_valid(scrape([(99, 1), (112, 2)])) is None
    named(values_valid(scrape([(99, 1), (112, value)])), "values-valid")


def test_a_series_must_be_there() -> None:
    assert series_present(scrape([(99, 1)]), [Q]) is None
    named(series_present(scrape(), [Q]), "series-present")


@pytest.mark.parametrize(("newest", "told"), [(113, ""), (90, ""), (70, "45 s old")])
def test_the_last_sample_must_be_recent(newest: float, told: str) -> None:
    unmet = fresh(scrape([(60, 1), (newest, 2)]), [Q])
    assert (told in named(unmet, "fresh")) if told else unmet is None


@pytest.mark.parametrize(
    ("times", "whole"),
    [
        ((85, 100, 115), True),
        ((85, 115), True),
        ((40, 85, 100, 115), True),
        ((55, 101, 115), False),
        ((62, 113), False),
    ],
    ids=["each scrape", "one missed", "long before", "across the start", "all but one"],
)
def test_a_gap_inside_the_window_stops_it(times: tuple[float, ...], whole: bool) -> None:
    unmet = unbroken(scrape([(at, 1.0) for at in times]), [Q])
    assert unmet is None if whole else "gw was not scraped for" in named(unmet, "unbroken")


def test_series_of_one_target_bridge_each_others_beginnings() -> None:
    assert unbroken(scrape([(85, 1), (100, 1), (115, 1)], [(115, 1)]), [Q]) is None


def test_a_target_that_is_down_is_named() -> None:
    assert targets_up((), Q) is None
    assert named(targets_up((Raw({"instance": "a:1"}, [(1, 0)]),), Q), "target-up") == "down: a:1"


@pytest.mark.parametrize(
    ("spellings", "missing"), [(("2.5", "250", "+Inf"), ""), (("2.5", "+Inf"), "250"),
                               (("2.5", "250.0"), "inf"), ((), "2.5, 250, inf")],
)  # fmt: skip
def test_the_histogram_must_have_the_edges(spellings: tuple[str, ...], missing: str) -> None:
    raws = tuple(Raw({"le": le}, [(99, 1)]) for le in spellings)
    seen = Scrape(series={Q: raws}, since=100, until=115, interval=15)
    unmet = edges_present(seen, Q, (2.5, 250.0))
    assert missing in named(unmet, "edges-present") if missing else unmet is None


@pytest.mark.parametrize(
    ("used", "scraped", "told"),
    [
        (["a", "b"], ["a", "b"], ""),
        ([], ["a"], ""),
        (["a", "b"], ["a"], "not scraped: b"),
        ([f"pod {i}" for i in range(20)], [f"pod {i}" for i in range(1, 20)], ""),
        ([], [], "not scraped: all of them"),
    ],
    ids=["all", "no traffic", "one of two", "one of twenty", "none"],
)
def test_servers_with_traffic_must_be_scraped(
    used: list[str], scraped: list[str], told: str
) -> None:
    unmet = servers_scraped(used, scraped, Q)
    assert named(unmet, "both-scraped") == told if told else unmet is None


WINDOW = Account(tries=20, answered=20, served=20)


@pytest.mark.parametrize(
    ("account", "agrees"),
    [
        (Account(tries=1000, answered=1000, served=1000), True),
        (Account(tries=1000, answered=1000, served=1060), True),
        (Account(tries=1000, answered=1000, served=1200), False),
        (Account(tries=1000, answered=1000, served=1200, past_gateway=200), True),
        (Account(tries=1000, answered=1000, served=1200, helped=200), True),
        (Account(tries=1000, answered=1000, served=900), False),
        (Account(tries=1000, answered=300, served=400), True),
        (Account(tries=1000, answered=0, served=1000), True),
        (Account(tries=100, answered=100, served=0), True),
        (Account(tries=1000, answered=1000, served=1000, past_gateway=300), False),
    ],
    ids=[
        "equal", "between two scrapes", "the servers claim more", "golden requests", "took over",
        "the servers claim less", "died on the way", "answered too late", "too few to tell",
        "golden requests that never arrived",
    ],
)  # fmt: skip
def test_servers_must_count_what_the_gateway_sent(account: Account, agrees: bool) -> None:
    unmet = counters_agree(account, WINDOW, Q)
    assert unmet is None if agrees else "the servers count" in named(unmet, "counters-agree")


@pytest.mark.parametrize(
    ("account", "now"),
    [
        (Account(tries=200, answered=200, served=250), Account(served=50)),
        (Account(tries=250, answered=250, served=200), Account(tries=50, answered=50)),
    ],
    ids=["the servers", "the gateway"],
)
def test_requests_that_only_one_side_was_scraped_for_are_no_news(
    account: Account, now: Account
) -> None:
    assert counters_agree(account, now, Q) is None
    assert counters_agree(account, Account(), Q) is not None
