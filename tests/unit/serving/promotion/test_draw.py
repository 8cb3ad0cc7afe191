from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from serving.promotion.draw import binomial, hypergeometric, uniform

GRID = [(i + 0.5) / 20_000 for i in range(20_000)]


@pytest.mark.parametrize(
    ("population", "marked", "drawn"), [(10, 3, 4), (300, 30, 200), (50, 45, 20), (8, 8, 3)]
)
def test_thinning_has_the_hypergeometric_distribution(
    population: int, marked: int, drawn: int
) -> None:
    drawn_counts = [hypergeometric(population, marked, drawn, chance) for chance in GRID]
    for count in range(marked + 1):
        share = drawn_counts.count(count) / len(GRID)
        assert share == pytest.approx(hypergeom.pmf(count, population, marked, drawn), abs=1e-4)


@pytest.mark.parametrize(("trials", "share"), [(5, 0.3), (40, 2 / 3), (3000, 0.5)])
def test_tolerance_has_the_binomial_distribution(trials: int, share: float) -> None:
    drawn = [binomial(trials, share, chance) for chance in GRID]
    for count in {0, trials // 2, int(trials * share), trials}:
        part = drawn.count(count) / len(GRID)
        assert part == pytest.approx(binom.pmf(count, trials, share), abs=1e-4)


@given(st.integers(1, 10**6), st.data())
def test_a_draw_is_always_possible(population: int, data: st.DataObject) -> None:
    marked = data.draw(st.integers(0, population))
    drawn = data.draw(st.integers(0, population))
    chance = data.draw(st.floats(1e-15, 1 - 1e-15))
    result = hypergeometric(population, marked, drawn, chance)
    assert max(0, drawn - (population - marked)) <= result <= min(marked, drawn)
    assert 0 <= binomial(marked, 2 / 3, chance) <= marked


def test_the_same_names_give_the_same_number() -> None:
    assert uniform("seed", 1, "pod-a") == uniform("seed", 1, "pod-a")
    assert uniform("seed", 1, "pod-a") != uniform("seed", 1, "pod-b")
    numbers = [uniform("seed", k) for k in range(4000)]
    assert sum(numbers) / len(numbers) == pytest.approx(0.5, abs=0.02)
