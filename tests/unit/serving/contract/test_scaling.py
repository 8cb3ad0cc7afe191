from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.contract.scaling import ScalingPlan, headroom, scaling_plan
from tests.contracts import changed, contract

SERVICE_MS = 20


def slow_share(
    plan: ScalingPlan, startup: int, slo_ms: float, load: Callable[[int], float], seconds: int
) -> float:
    """The share of requests later than the SLO, second by second: replicas ordered at one moment
    are ready a start-up later, and what they cannot take at once waits."""
    capacity = plan.replica_rps or 0.0
    ready = [plan.replicas(load(0))] * startup
    waiting = slow = total = 0.0
    for second in range(seconds):
        ready.append(max(plan.replicas(load(second)), ready[-1]))
        rate = ready[second] * capacity
        waiting = max(0.0, waiting + load(second) - rate)
        late = SERVICE_MS + 1000 * waiting / rate > slo_ms
        slow += load(second) if late else 0
        total += load(second)
    return slow / total


def ramp(second: int) -> float:
    """80 requests a second, then 30 more each minute for ten minutes."""
    return 80 + 0.5 * min(max(0, second - 60), 600)


def step(second: int) -> float:
    return 80 if second < 60 else 140


PLAN = replace(scaling_plan(contract("scan"), "prod"), max_replicas=100)
STARTUP = contract("scan").health.startup_seconds
P99_MS = contract("scan").slo.p99_ms


@pytest.mark.parametrize("load", [ramp, step])
def test_headroom_keeps_the_slo_while_replicas_start(load: Callable[[int], float]) -> None:
    assert slow_share(PLAN, STARTUP, P99_MS, load, 900) == 0
    without = replace(PLAN, headroom_replicas=0)
    assert slow_share(without, STARTUP, P99_MS, load, 900) > 0.01


@given(
    st.floats(0.1, 200), st.integers(5, 960), st.floats(1, 500), st.floats(0, 1000)
)  # ramp per minute, start-up, rps of a replica, rps at the beginning
def test_headroom_covers_any_declared_ramp(
    growth: float, startup: int, replica_rps: float, begin: float
) -> None:
    declared = changed("scan", ("scaling", "replica_rps"), replica_rps)
    scaling = declared.scaling.model_copy(update={"ramp_rps_per_minute": growth})
    health = declared.health.model_copy(update={"startup_seconds": startup})
    served = declared.model_copy(update={"scaling": scaling, "health": health})
    plan = replace(scaling_plan(served, "prod"), max_replicas=10**9)
    for now in range(0, 2 * startup, 5):
        then = begin + growth / 60 * now
        later = then + growth / 60 * startup
        assert plan.replicas(then) * replica_rps >= later * (1 - 1e-9)


def test_headroom_is_the_growth_in_one_start_up() -> None:
    assert headroom(contract("scan")) == 2  # 30 / min × 2 min ÷ 40
    assert headroom(changed("scan", ("health", "startup_seconds"), 121)) == 2
    assert headroom(changed("scan", ("health", "startup_seconds"), 161)) == 3
    assert headroom(changed("scan", ("scaling", "ramp_rps_per_minute"), 0)) == 0
    assert headroom(contract("forms")) == 0


def test_replicas_stay_between_their_bounds() -> None:
    plan = scaling_plan(contract("scan"), "prod")
    assert plan.replicas(0) == 2
    assert plan.replicas(41) == 4
    assert plan.replicas(10_000) == 6


def test_dev_has_its_own_bounds_and_no_headroom() -> None:
    plan = scaling_plan(contract("scan"), "dev")
    assert (plan.min_replicas, plan.max_replicas, plan.headroom_replicas) == (1, 2, 0)
    zero = changed("scan", ("scaling", "dev", "min_replicas"), 0)
    assert scaling_plan(zero, "dev").replicas(0) == 0


@pytest.mark.parametrize(("startup", "delay"), [(60, 300), (300, 300), (960, 960)])
def test_replicas_are_given_up_slowly_and_asked_for_at_once(startup: int, delay: int) -> None:
    plan = scaling_plan(changed("scan", ("health", "startup_seconds"), startup), "prod")
    assert plan.scale_up_delay_seconds == 0
    assert plan.scale_down_delay_seconds == delay
