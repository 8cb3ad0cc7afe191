from __future__ import annotations

from dataclasses import replace

import pytest

from serving.promotion.gate import Finding
from serving.promotion.judge import Judgement
from serving.promotion.record import Ended, Intent, Observed
from serving.promotion.shown import MOST_LINES, RECENT_SECONDS, Shown
from serving.promotion.shown_gate import ShownGate, shown_gates
from tests.unit.serving.promotion.recorded import Kept, kept, simulated, started
from tests.unit.serving.promotion.told import shown, told, written
from tests.unit.serving.promotion.windows import blind, counts, window


def gate(shown: Shown, name: str) -> ShownGate:
    return next(each for each in shown.gates if each.name == name)


def test_each_arm_is_shown_with_its_requests_and_what_it_did_of_late() -> None:
    windows = [window(10, rps=20, canary_errors=0.1), window(10, rps=20)]
    stable, canary = shown(written(*(Observed(window=each) for each in windows))).arms
    assert (stable.version, stable.requests, stable.rate, stable.errors) == (1, 540, 18.0, 0.0)
    assert (canary.version, canary.requests, canary.rate) == (2, 60, 2.0)
    assert canary.errors == pytest.approx(3 / 60)
    assert (canary.p50_ms, canary.p99_ms, canary.queue_ms) == (5.0, 5.0, 1.0)
    assert (canary.slow_p50, canary.slow_p99) == (0.0, 0.0)


def test_slow_requests_are_shown_by_the_edge_they_stay_under() -> None:
    slow = replace(window(10), canary=replace(window(10).canary, counts=counts(100, slow=30)))
    _, canary = shown(written(Observed(window=slow))).arms
    assert (canary.p50_ms, canary.p99_ms) == (5.0, 2500.0)
    assert (canary.slow_p50, canary.slow_p99) == (0.3, 0.3)


def test_only_the_last_minute_counts_for_rates() -> None:
    busy = [Observed(window=window(5, rps=100))] * 9
    quiet = [Observed(window=window(5, rps=20))] * int(RECENT_SECONDS / 15)
    stable, _ = shown(written(*busy, *quiet)).arms
    assert stable.rate == 19.0
    assert stable.requests == 9 * 1425 + 4 * 285


def test_what_was_seen_at_the_last_weight_stays_until_there_is_something_of_this_one() -> None:
    store = kept(simulated(1, 200, errors=0.05, since=20))
    _, canary = shown(store).arms
    assert canary.errors is not None
    assert canary.errors > 0.03


def test_windows_without_metrics_are_not_counted() -> None:
    result = shown(written(Observed(window=window(5)), Observed(window=blind())))
    assert result.arms[1].requests == 15
    assert (result.phase, result.left_seconds) == ("waiting for metrics", None)


def test_evidence_is_shown_as_a_part_of_what_decides() -> None:
    result = shown(kept(simulated(1, 200, errors=0.05, since=20)))
    assert result.harm == 1.0
    assert result.harm_odds > result.rolls_back_at == 100
    assert gate(result, "errors").harm == 1.0
    assert gate(result, "p99").harm == 0.0
    assert gate(result, "pending").harm is None
    early = shown(kept(simulated(1, 3, rps=20)))
    assert 0 < (gate(early, "errors").safe or 0) < 1
    assert gate(early, "errors").needs > 0


@pytest.mark.parametrize(
    ("finding", "tone"),
    [
        (Finding(gate="errors", guard="said"), "bad"),
        (Finding(gate="errors", step_back="said"), "bad"),
        (Finding(gate="errors", ask="said"), "doubt"),
        (Finding(gate="errors", block="said"), "doubt"),
        (Finding(gate="errors", note="said"), "calm"),
    ],
)
def test_a_gate_that_says_something_is_heard(finding: Finding, tone: str) -> None:
    *_, (course, _) = told(written())
    course.judgement = Judgement(findings=(finding,))
    found = next(each for each in shown_gates(course) if each.name == "errors")
    assert (found.says, found.tone) == ("said", tone)


def test_an_effect_and_an_end_are_what_goes_on() -> None:
    acting = shown(written(Intent(action="warm up", fence=1)))
    assert (acting.phase, acting.acting, acting.outcome) == ("warm up", True, None)
    ended = shown(written(Ended(outcome="asks", weight=5, reason="rollback recommended")))
    assert (ended.phase, ended.outcome, ended.reason, ended.tone) == (
        "asks", "asks", "rollback recommended", "doubt",
    )  # fmt: skip


def test_a_first_release_has_one_arm() -> None:
    alone = written(Observed(window=window(0, stable=None)), begin=replace(started(), stable=None))
    (canary,) = shown(alone).arms
    assert (canary.version, shown(alone).stable) == (2, None)


def test_what_is_kept_does_not_grow_with_the_promotion() -> None:
    store = Kept()
    store.kept += kept(simulated(1, 200)).kept
    result = shown(store)
    assert len(result.windows) * 15 <= RECENT_SECONDS
    assert len(result.lines) <= MOST_LINES
