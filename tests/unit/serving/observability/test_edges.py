from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.observability.edges import histogram_edges, le_pattern
from tests.contracts import changed, contract

EDGES = st.floats(0.001, 3.6e6).map(lambda edge: round(edge, 3))


@pytest.mark.parametrize(
    ("edge", "spellings"),
    [
        (250.0, ["250", "250.0"]),
        (0.5, ["0.5"]),
        (2.1, ["2.1", "2.1000000000000000888178419700125"]),
        (1_800_000.0, ["1800000", "1800000.0", "1.8e+06"]),
    ],
)
def test_an_edge_is_found_however_it_is_spelled(edge: float, spellings: list[str]) -> None:
    assert all(re.fullmatch(le_pattern(edge), spelling) for spelling in spellings)


@given(EDGES, EDGES)
def test_an_edge_is_not_mistaken_for_another(one: float, other: float) -> None:
    assert re.fullmatch(le_pattern(one), f"{one:.32g}")
    assert bool(re.fullmatch(le_pattern(one), f"{other:.32g}")) == (one == other)


def test_one_gateway_has_the_edges_of_all_models() -> None:
    other = changed("forms", ("observability", "latency_edges_ms"), [5, 50, 75])
    assert histogram_edges([contract("scan"), other]) == (5, 10, 50, 75, 250, 1000)
    assert histogram_edges([]) == ()
