from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.errors import InputError
from serving.promotion.decision import Decision, State, Verdict
from serving.promotion.gate import Rules
from serving.promotion.judge import Evidence
from serving.promotion.measurement import Arm, Counts, Gpu, Window
from serving.promotion.plan import acted, decide, observed
from tests.unit.serving.promotion.windows import (
    EDGES,
    GOOD_ANSWERS,
    blind,
    judge,
    judged,
    plan,
    window,
)

PODS = Rules(witnesses="average", seed="journal")


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    requests = draw(st.integers(0, 400))
    slower = sorted(
        draw(st.lists(st.integers(0, requests), min_size=EDGES, max_size=EDGES)), reverse=True
    )
    return Counts(
        requests=requests,
        errors=draw(st.integers(0, requests)),
        slower=tuple(slower),
        queue_us=draw(st.integers(0, 10**9)),
        served=draw(st.integers(0, requests)),
    )


@st.composite
def arms(draw: st.DrawFn, pods: int) -> Arm:
    return Arm(
        counts=draw(counts()),
        pods={f"pod-{i}": draw(counts()) for i in range(pods)},
        pending=draw(st.none() | st.integers(0, 100)),
        capacity=16,
    )


@st.composite
def traffic(draw: st.DrawFn) -> Window:
    return Window(
        started=draw(st.floats(0, 2e9)),
        seconds=15.0,
        weight=draw(st.sampled_from((0, 5, 10, 25, 50, 95))),
        canary=draw(arms(1)),
        stable=draw(arms(4)),
        answers=GOOD_ANSWERS,
    )


@settings(max_examples=25)
@given(st.lists(traffic(), min_size=1, max_size=6))
def test_evidence_survives_json_exactly_and_goes_on_the_same(windows: list[Window]) -> None:
    one, straight, stored = judge(PODS), Evidence(), Evidence()
    for each in windows:
        straight, expected = one.judge(straight, each)
        text = json.dumps(stored.to_json(), allow_nan=False)
        stored, judgement = one.judge(Evidence.from_json(json.loads(text)), each)
        assert judgement == expected
    assert Evidence.from_json(json.loads(json.dumps(stored.to_json()))) == straight


@settings(max_examples=25)
@given(traffic())
def test_the_order_in_which_pods_are_listed_does_not_matter(each: Window) -> None:
    stable = each.stable
    assert stable is not None
    turned = replace(each, stable=replace(stable, pods=dict(reversed(stable.pods.items()))))
    before = judged(judge(PODS), [each]).findings
    for finding, other in zip(before, judged(judge(PODS), [turned]).findings, strict=True):
        assert finding.harm == pytest.approx(other.harm, abs=1e-12)


@settings(max_examples=40)
@given(st.lists(traffic(), min_size=1, max_size=8))
def test_no_promotion_advances_without_evidence_from_every_gate_that_can_give_it(
    windows: list[Window],
) -> None:
    one, state, evidence = judge(), State(weight=5), Evidence()
    for each in windows:
        each = replace(each, weight=state.weight)
        evidence, judgement = one.judge(evidence, each)
        state = observed(state, each)
        decision = decide(plan(), state, judgement)
        if decision.verdict is Verdict.ADVANCE:
            assert state.watched_seconds >= 60
            assert all(f.safe is None or f.safe >= 2.99 for f in judgement.findings)
        if decision.verdict is Verdict.ROLLBACK:
            break
        state = acted(state, decision)


def test_a_window_without_its_preconditions_leaves_the_evidence_untouched() -> None:
    one = judge()
    evidence, _ = one.judge(Evidence(), window(canary_errors=0.1))
    after, judgement = one.judge(evidence, blind())
    assert after is evidence
    assert judgement.unmet[0].query == 'envoy_requests{version="2"}'
    assert not judgement.findings


def test_evidence_of_safety_starts_afresh_at_each_step() -> None:
    one = judge()
    long = judged(one, [window()] * 20).findings[0]
    fresh = judged(one, [*[window()] * 20, window(10)]).findings[0]
    assert (long.gate, fresh.gate) == ("errors", "errors")
    assert long.safe is not None
    assert fresh.safe is not None
    assert fresh.safe < long.safe


def test_a_contract_without_a_gate_that_shows_safety_is_refused() -> None:
    with pytest.raises(InputError, match="none of errors, p99, p50"):
        judge(PODS, "pending", "golden")


def full_window(index: int) -> Window:
    def arm(pods: int, requests: int, name: str) -> Arm:
        slower = tuple(max(requests - i * requests // 8, 0) for i in range(EDGES))
        each = Counts(requests=requests, slower=slower, queue_us=requests * 900, served=requests)
        gpu = Gpu(uuid=name, used_bytes=10 + index % 3, total_bytes=24, utilization=0.7)
        return Arm(
            counts=each,
            pods={f"{name}-{i}": each for i in range(pods)},
            pending=3,
            capacity=64,
            gpus=(gpu,),
        )

    return window(started=15.0 * index, canary=arm(2, 300, "c"), stable=arm(10, 3000, "s"))


def test_ten_gates_and_twelve_pods_cost_little_and_remember_no_more_after_a_day() -> None:
    one, evidence, sizes = judge(PODS), Evidence(), []
    windows = [full_window(i) for i in range(400)]
    best = float("inf")
    for at, each in enumerate(windows):
        begun = time.process_time()
        evidence, judgement = one.judge(evidence, each)
        decision = decide(plan(), State(weight=5), judgement)
        best = min(best, time.process_time() - begun)
        assert isinstance(decision, Decision)
        if at in (100, 399):
            sizes.append(len(json.dumps(evidence.to_json())))
    assert sizes[1] < sizes[0] * 1.05
    assert best < 0.002
