"""A few runs of every gate at once; `python -m benchmarks.promotion.whole` makes the table."""

from __future__ import annotations

import pytest

from benchmarks.promotion.whole import STABLE, WORSE, Version, run

RPS = 20.0
GATES = ("errors", "p99", "p50", "queue", "pending", "gpu-memory", "gpu-memory", "mirror", "golden")


def test_a_healthy_version_passes_all_gates_though_every_limit_is_near() -> None:
    for seed in range(3):
        assert run(seed, STABLE, RPS).outcome == "promoted"


@pytest.mark.parametrize(("version", "gate"), list(zip(WORSE, GATES, strict=True)), ids=GATES)
def test_a_worse_version_is_stopped_by_the_gate_it_fails(version: Version, gate: str) -> None:
    end = run(1, version, RPS)
    assert end.outcome == ("held" if gate == "mirror" else "rolled back")
    assert end.gate == gate
