"""When requests are due: known before the first is sent."""

from __future__ import annotations

from itertools import islice, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.load.schedule import Arrival, schedule

RATES = st.lists(st.floats(min_value=0.5, max_value=500), min_size=1, max_size=5)


def until(seconds: float, rates: list[float]) -> list[Arrival]:
    return list(takewhile(lambda arrival: arrival.due < seconds, schedule(rates)))


@given(RATES)
def test_requests_come_in_the_order_of_time(rates: list[float]) -> None:
    due = [arrival.due for arrival in islice(schedule(rates), 500)]
    assert due == sorted(due)
    assert due[0] >= 0


@given(RATES, st.floats(min_value=0.1, max_value=20))
def test_each_stream_has_its_rate_to_the_request(rates: list[float], seconds: float) -> None:
    found = until(seconds, rates)
    for index, rate in enumerate(rates):
        assert abs(sum(a.stream == index for a in found) - seconds * rate) <= 1


@given(RATES)
def test_a_stream_sends_all_its_requests_in_their_order(rates: list[float]) -> None:
    found = list(islice(schedule(rates), 300))
    for index in range(len(rates)):
        numbers = [arrival.number for arrival in found if arrival.stream == index]
        assert numbers == list(range(len(numbers)))


def test_streams_of_one_rate_do_not_send_at_once() -> None:
    assert [arrival.due for arrival in islice(schedule([10, 10]), 4)] == pytest.approx(
        [0, 0.05, 0.1, 0.15]
    )
