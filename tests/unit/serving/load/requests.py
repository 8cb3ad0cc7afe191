"""Requests as a load records them."""

from __future__ import annotations

from dataclasses import replace

from serving.load import Request

RIGHT = Request(
    due=0.25,
    late_ms=0.4,
    model="digits",
    protocol="http",
    sample=17,
    ms=4.2,
    outcome="right",
    status=200,
    grpc=None,
    version=1,
    answer="3",
    problem="",
)
WRONG = replace(RIGHT, outcome="wrong", answer="8", ms=5.0)
ERROR = replace(
    RIGHT, protocol="grpc", outcome="error", status=None, grpc=13, version=2, answer=None,
    problem="this version fails a share of its requests on purpose",
)  # fmt: skip
LOST = replace(
    RIGHT, outcome="lost", status=503, version=None, answer=None, problem="no healthy upstream"
)
