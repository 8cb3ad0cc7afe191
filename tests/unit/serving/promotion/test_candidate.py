"""A version before it takes traffic, on servers that answer as they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from serving.errors import ServingError
from serving.promotion.candidate import MOST_ROUNDS, ROUND, PublishedCandidate
from serving.promotion.ground import Endpoint
from tests.kserve import Double, Refuses, Tensors, labels, serving
from tests.unit.serving.contract.contracts import DIGITS, sound

CONTRACT = sound(DIGITS)


@pytest.fixture
def two() -> Iterator[tuple[Double, Double]]:
    with serving(labels(3), "digits-2-1") as one, serving(labels(3), "digits-2-2") as other:
        yield one, other


def candidate(
    *servers: Double, latency: Callable[[int], float] = lambda request: 1.0
) -> PublishedCandidate:
    """`latency` of each request, as the clock has it."""
    now, asked = 0.0, 0

    def clock() -> float:
        nonlocal now, asked
        asked += 1
        now += latency(asked // 2) if asked % 2 == 0 else 0.0
        return now

    def found() -> list[Endpoint]:
        return [each.endpoint for each in servers]

    return PublishedCandidate(CONTRACT, 2, lambda: None, found, deadline=2.0, clock=clock)


def test_every_server_is_asked_every_golden_request_over_both_protocols(
    two: tuple[Double, Double],
) -> None:
    candidate(*two).golden()
    for double in two:
        assert double.asked == ["http digits 2", "grpc digits 2"]


def test_one_wrong_answer_names_the_server_the_request_and_what_was_expected(
    two: tuple[Double, Double],
) -> None:
    two[1].answer = labels(3, 4)
    with pytest.raises(ServingError) as raised:
        candidate(*two).golden()
    assert str(raised.value) == (
        "model digits: version 2: digits, golden request 1 over grpc to digits-2-2: label[0]: got "
        "4, expected 3"
    )


def test_a_server_that_is_as_fast_as_before_is_warm(two: tuple[Double, Double]) -> None:
    candidate(*two).warm_up()
    assert [len(double.asked) for double in two] == [2 * ROUND, 2 * ROUND]


def test_one_that_gets_faster_is_asked_on_but_not_for_ever(two: tuple[Double, Double]) -> None:
    candidate(two[0], latency=lambda request: 1.0 / request).warm_up()
    assert 2 * ROUND < len(two[0].asked) < MOST_ROUNDS * ROUND
    candidate(two[1], latency=lambda request: 1e6 * 0.9**request).warm_up()
    assert len(two[1].asked) == MOST_ROUNDS * ROUND


def refusing(inputs: Tensors) -> Tensors:
    raise Refuses("out of memory")


def test_one_that_does_not_answer_is_not_warmed(two: tuple[Double, Double]) -> None:
    two[0].answer = refusing
    with pytest.raises(ServingError, match="does not answer on digits-2-1: out of memory"):
        candidate(*two).warm_up()


def test_a_version_without_servers_is_not_fit() -> None:
    with pytest.raises(ServingError, match="has no server"):
        candidate().warm_up()
