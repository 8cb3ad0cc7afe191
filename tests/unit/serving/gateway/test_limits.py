from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.gateway.limits import body_limit, timeouts, token_bucket
from tests.contracts import changed, contract

MIB = 1 << 20


@pytest.mark.parametrize(
    ("p99_ms", "one_try", "whole"), [(10, 2, 5), (500, 2, 5), (1000, 4, 9), (30_000, 120, 241)]
)
def test_the_gateway_waits_longer_than_any_latency_that_is_gated(
    p99_ms: float, one_try: float, whole: float
) -> None:
    found = timeouts(changed("scan", ("slo", "p99_ms"), p99_ms))
    assert (found.one_try, found.whole) == (one_try, whole)


@pytest.mark.parametrize(
    ("name", "shape", "limit"),
    [
        ("forms", [2, 2], MIB),  # small ones have room
        ("forms", [256, 256], 16 * MIB),  # 4 × 65536 values
        ("forms", [64, 64], 4 * 64 * 64 * 64),
        ("forms", [-1], 16 * MIB),  # nobody knows
    ],
)
def test_the_body_has_room_for_the_largest_batch(name: str, shape: list[int], limit: int) -> None:
    models = contract(name).runtime.model_dump(mode="json")["models"]
    only = {"forms": models["reader"] | {"inputs": {"page": {"type": "UINT8", "shape": shape}}}}
    assert body_limit(changed(name, ("runtime", "models"), only)) == limit


def test_texts_and_other_engines_have_the_most_room() -> None:
    assert body_limit(contract("scan")) == body_limit(contract("writer")) == 16 * MIB


@pytest.mark.parametrize(
    ("per_second", "bucket"),
    [
        (500, (500, 500, "1s")),
        (1, (1, 1, "1s")),
        (0.5, (1, 1, "2s")),
        (2.5, (3, 5, "2s")),
        (0.001, (1, 1, "1000s")),
    ],
)
def test_a_rate_is_tokens_and_a_time(per_second: float, bucket: tuple[int, int, str]) -> None:
    found = token_bucket(per_second)
    assert (found["max_tokens"], found["tokens_per_fill"], found["fill_interval"]) == bucket


@given(st.floats(0.001, 100_000))
def test_a_bucket_fills_as_fast_as_it_was_promised(per_second: float) -> None:
    found = token_bucket(per_second)
    rate = found["tokens_per_fill"] / int(found["fill_interval"].removesuffix("s"))
    assert rate == pytest.approx(per_second, rel=0.02, abs=0.01)
    assert found["max_tokens"] >= per_second
