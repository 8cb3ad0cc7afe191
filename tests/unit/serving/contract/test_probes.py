from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.contract.probes import PERIOD_SECONDS, Startup, probes, startup
from tests.contracts import contract


@pytest.mark.parametrize(
    ("budget", "delay", "failures"),
    [(960, 60, 90), (330, 30, 30), (300, 20, 28), (60, 0, 6), (5, 0, 1), (7200, 60, 714)],
)
def test_the_start_up_budget_becomes_a_probe(budget: int, delay: int, failures: int) -> None:
    assert startup(budget) == Startup(
        initial_delay_seconds=delay, period_seconds=10, failure_threshold=failures
    )


@given(st.integers(5, 7200))
def test_a_replica_gets_its_budget_and_less_than_a_period_more(budget: int) -> None:
    assert budget <= startup(budget).allowed_seconds < budget + PERIOD_SECONDS


def test_a_bundle_is_ready_when_each_model_of_the_version_is() -> None:
    asked = probes(contract("forms"), 4)
    assert asked.live_path == "/v2/health/live"
    assert asked.ready_paths == (
        "/v2/models/forms/versions/4/ready",
        "/v2/models/reader/versions/4/ready",
        "/v2/models/sorter/versions/4/ready",
    )


def test_other_engines_answer_on_their_own_paths() -> None:
    vllm, custom = probes(contract("writer"), 1), probes(contract("forest"), 1)
    assert (vllm.port, vllm.live_path, vllm.ready_paths) == (8000, "/health", ("/health",))
    assert (custom.port, custom.live_path, custom.ready_paths) == (9000, "/live", ("/ready",))
