"""Whose fault a request was: nobody's, the model's, the gateway's, the caller's."""

from __future__ import annotations

import pytest

from serving.load.request import Outcome, Reply, outcome_of, version_of


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(status=200, version=1, answer="3"), "right"),
        (Reply(grpc=0, version=1, answer="3"), "right"),
        (Reply(status=200, version=1, answer="4"), "wrong"),
        (Reply(grpc=0, version=1, answer="4"), "wrong"),
        (Reply(status=500, version=2, problem="on purpose"), "error"),
        (Reply(status=400, version=2, problem="on purpose"), "error"),
        (Reply(status=200, version=2, problem="not JSON"), "error"),
        (Reply(grpc=13, version=2, problem="on purpose"), "error"),
        (Reply(grpc=14, version=2, problem="on purpose"), "error"),
        (Reply(status=503, problem="no healthy upstream"), "lost"),
        (Reply(status=504, problem="upstream request timeout"), "lost"),
        (Reply(grpc=14, problem="no healthy upstream"), "lost"),
        (Reply(grpc=4, problem="Deadline Exceeded"), "lost"),
        (Reply(grpc=13, problem="RST_STREAM"), "lost"),
        (Reply(problem="ServerDisconnectedError"), "lost"),
        (Reply(status=200, problem="neither an answer nor a version"), "lost"),
        (Reply(status=401, problem="Jwt is missing"), "refused"),
        (Reply(status=404), "refused"),
        (Reply(status=429, problem="local_rate_limited"), "refused"),
        (Reply(grpc=16, problem="Jwt is missing"), "refused"),
        (Reply(grpc=8, problem="local_rate_limited"), "refused"),
    ],
    ids=str,
)
def test_an_outcome_says_whose_fault_it_was(reply: Reply, outcome: Outcome) -> None:
    assert outcome_of(reply, "3") == outcome


@pytest.mark.parametrize(
    ("header", "version"), [("2", 2), (None, None), ("", None), ("-", None), ("²", None)]
)
def test_only_a_number_is_a_version(header: str | None, version: int | None) -> None:
    assert version_of(header) == version
