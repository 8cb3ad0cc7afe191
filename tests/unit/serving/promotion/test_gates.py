"""Each gate against the harm it is for, and against what only looks like it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from serving.promotion.decision import State, Verdict
from serving.promotion.gate import Rules
from serving.promotion.judge import Judge, judge_of
from serving.promotion.measurement import Answers, Arm, Counts, Gpu, Window
from tests.unit.serving.contract.contracts import JUDGE, sound
from tests.unit.serving.promotion.windows import (
    CALIBRATED,
    contract,
    counts,
    judge,
    judged,
    plan,
    promote,
    window,
)

GIB = 1 << 30


def ends(traffic: list[Window], one: Judge | None = None) -> tuple[Verdict, str]:
    last = promote(one or judge(), plan(), traffic)[-1]
    return last.verdict, last.gate


def with_canary(each: Window, **changes: object) -> Window:
    return replace(each, canary=replace(each.canary, **changes))  # type: ignore[arg-type]


def gpu(
    used: float = 0.5, utilization: float = 0.5, uuid: str = "canary", *, shared: bool = False
) -> Gpu:
    return Gpu(
        uuid=uuid,
        used_bytes=int(used * 24 * GIB),
        total_bytes=24 * GIB,
        utilization=utilization,
        shared=shared,
    )


def test_every_gate_of_the_contract_says_what_it_tests_and_where_its_data_come_from() -> None:
    gates = judge().gates
    assert {gate.name for gate in gates} == contract().rollout.gates
    assert all(gate.null and gate.source for gate in gates)


def test_errors_roll_back() -> None:
    assert ends([window(canary_errors=0.1)] * 40) == (Verdict.ROLLBACK, "errors")


def test_errors_that_stable_has_too_do_not_roll_back() -> None:
    decisions = promote(judge(), plan(), [window(canary_errors=0.1, stable_errors=0.1)] * 200)
    assert {d.verdict for d in decisions[1:]} == {Verdict.HOLD}


def test_worse_than_stable_but_within_the_slo_does_not_roll_back() -> None:
    traffic = [window(rps=400, canary_errors=0.004)] * 200
    assert Verdict.ROLLBACK not in {d.verdict for d in promote(judge(), plan(), traffic)}


def test_slow_requests_roll_back_by_p99() -> None:
    slow = Arm(counts=counts(15, slow=2))
    assert ends([window(canary=slow)] * 40) == (Verdict.ROLLBACK, "p99")


def test_a_median_over_its_slo_rolls_back_by_p50() -> None:
    slow = Counts(requests=15, slower=(15,) * 7 + (0,) * 8, served=15)
    traffic = [window(canary=Arm(counts=slow))] * 40
    assert ends(traffic, judge(CALIBRATED, "errors", "p50")) == (Verdict.ROLLBACK, "p50")


def test_slow_requests_in_the_first_windows_after_an_increase_are_warm_up() -> None:
    slow = Arm(counts=counts(15, slow=15))
    one = judge()
    assert judged(one, [window(0), window(canary=slow), window(canary=slow)]).harm < 0.1
    assert judged(one, [window(0), *[window(canary=slow)] * 4]).harm > 4.6


def test_a_slow_down_inside_the_slo_holds_but_never_rolls_back() -> None:
    def slower(share: float, requests: int) -> Arm:
        over_100ms = round(requests * share)
        return Arm(
            counts=Counts(
                requests=requests, slower=(requests,) * 2 + (over_100ms,) * 5 + (0,) * 8, served=1
            )
        )

    traffic = [window(canary=slower(0.6, 15), stable=slower(0.05, 285))] * 200
    one = judge(CALIBRATED, "errors", "p99", "slowdown")
    decisions = promote(one, plan(), traffic)
    assert decisions[-1].verdict is Verdict.HOLD
    assert decisions[-1].gate == "slowdown"
    assert Verdict.ROLLBACK not in {d.verdict for d in decisions}


def queueing(own_ms: float, other_ms: float, *, pods: int = 4, weight: int = 5) -> Window:
    others = {f"s{i}": counts(70, queue_ms=other_ms * (1 + i / 50)) for i in range(pods)}
    return window(
        weight,
        canary=Arm(
            counts=counts(15, queue_ms=own_ms),
            pods={"c0": counts(15, queue_ms=own_ms)},
            gpus=(gpu(),),
        ),
        stable=Arm(counts=counts(285, queue_ms=other_ms), pods=others),
    )


@pytest.mark.parametrize("pods", [1, 4], ids=["by pairs of arms", "by ranks of pods"])
def test_a_queue_longer_than_stables_and_the_slo_rolls_back(pods: int) -> None:
    assert ends([queueing(400, 2, pods=pods)] * 80) == (Verdict.ROLLBACK, "queue")


@pytest.mark.parametrize("pods", [1, 4])
@pytest.mark.parametrize(
    ("own", "other"), [(400, 400), (20, 2)], ids=["both arms queue", "within the SLO"]
)
def test_a_queue_that_is_no_harm_does_not_roll_back(own: float, other: float, pods: int) -> None:
    decisions = promote(judge(), plan(), [queueing(own, other, pods=pods)] * 80)
    assert Verdict.ROLLBACK not in {d.verdict for d in decisions}


def saturated(utilization: float, own_ms: float) -> Window:
    return with_canary(queueing(own_ms, 2), gpus=(gpu(utilization=utilization),))


def test_a_full_gpu_with_a_growing_queue_rolls_back() -> None:
    only = judge(CALIBRATED, "errors", "saturation")
    assert ends([saturated(0.99, 30)] * 80, only) == (Verdict.ROLLBACK, "saturation")


def test_a_full_gpu_alone_only_holds_the_next_increase() -> None:
    decisions = promote(judge(), plan(), [saturated(0.99, 2)] * 80)
    assert {d.verdict for d in decisions[1:]} == {Verdict.HOLD}
    assert decisions[-1].gate == "saturation"


def test_a_busy_gpu_is_the_aim() -> None:
    assert promote(judge(), plan(), [saturated(0.92, 2)] * 20)[-1].weight > 5


def test_a_growing_backlog_steps_back_once_and_then_rolls_back() -> None:
    def backlog(weight: int, pending: int) -> Window:
        return with_canary(window(weight), pending=pending, capacity=16)

    growing = [backlog(10, 40 + 10 * i) for i in range(5)]
    again = [backlog(5, 100 + 10 * i) for i in range(8)]
    decisions = promote(judge(), plan(), [*growing, *again], State(weight=10))
    stepped = [d for d in decisions if d.gate == "pending"]
    assert [d.verdict for d in stepped] == [Verdict.HOLD, Verdict.ROLLBACK]
    assert stepped[0].weight == 5


def test_a_backlog_within_capacity_is_none() -> None:
    traffic = [with_canary(window(), pending=i, capacity=16) for i in range(30)]
    assert "pending" not in {d.gate for d in promote(judge(), plan(), traffic)}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"out_of_memory": 1}, "out of memory"),
        ({"restarts": 1}, "restarted"),
        ({"xids": (31,)}, "Xid"),
        ({"gpus": (gpu(used=0.97),)}, "above 95%"),
    ],
    ids=["killed for memory", "restart", "application Xid", "memory nearly full"],
)
def test_gpu_guards_roll_back_at_once(changes: dict[str, object], says: str) -> None:
    traffic = [window(), *[with_canary(window(), **changes)] * 3]
    last = promote(judge(), plan(armed=False), traffic)[-1]
    assert last.verdict is Verdict.ROLLBACK
    assert last.gate == "gpu-memory"
    assert says in last.reason


def test_one_window_of_full_memory_is_not_a_trip() -> None:
    traffic = [window(), with_canary(window(), gpus=(gpu(used=0.97),)), window()]
    assert ends(traffic) == (Verdict.HOLD, "")


def test_a_broken_gpu_is_not_blamed_on_the_model() -> None:
    verdict = ends([window(), with_canary(window(), xids=(79,))])
    assert verdict == (Verdict.HOLD, "gpu-memory")


def test_memory_that_leaks_asks_before_it_is_full() -> None:
    leaking = [
        with_canary(window(started=15.0 * i), gpus=(gpu(used=0.4 + 0.002 * i),)) for i in range(30)
    ]
    assert ends(leaking) == (Verdict.ASK, "gpu-memory")


def test_memory_that_only_wobbles_does_not_leak() -> None:
    wobbling = [
        with_canary(window(started=15.0 * i), gpus=(gpu(used=0.8 + 0.01 * (i * 7 % 5)),))
        for i in range(200)
    ]
    assert "gpu-memory" not in {d.gate for d in promote(judge(), plan(), wobbling)}


@pytest.mark.parametrize(
    ("canarys", "stables"),
    [(gpu(used=0.99), gpu(used=0.99)), (gpu(used=0.99, shared=True), gpu(uuid="stable"))],
    ids=["with stable", "by time with anyone"],
)
def test_memory_of_a_shared_gpu_says_nothing(canarys: Gpu, stables: Gpu) -> None:
    shared = window(
        canary=Arm(counts=counts(15), gpus=(canarys,)),
        stable=Arm(counts=counts(285), gpus=(stables,)),
    )
    one = judge()
    found = {f.gate: f for f in judged(one, [shared] * 5).findings}["gpu-memory"]
    assert not found.guard
    assert "shared" in found.note


def test_one_malformed_answer_rolls_back_before_any_user_sees_it() -> None:
    bad = Answers(asked=20, malformed=1)
    decisions = promote(judge(), plan(), [window(0, answers=bad)])
    assert (decisions[-1].verdict, decisions[-1].gate) == (Verdict.ROLLBACK, "golden")


def test_wrong_golden_answers_keep_the_weight_at_zero() -> None:
    wrong = Answers(asked=20, canary_wrong=2, only_canary_wrong=1, stable_wrong=1)
    decisions = promote(judge(), plan(), [window(0, answers=wrong)])
    assert decisions[-1].verdict is Verdict.ROLLBACK
    assert "golden answers are wrong" in decisions[-1].reason


def test_no_more_wrong_than_stable_or_than_its_own_noise_is_accepted() -> None:
    for answers in (
        Answers(asked=20, canary_wrong=2, stable_wrong=2),
        Answers(asked=20, canary_wrong=2, stable_wrong=1, noise=1),
    ):
        assert promote(judge(), plan(), [window(0, answers=answers)])[-1].weight == 5


def test_users_wait_until_the_golden_samples_were_asked() -> None:
    decisions = promote(judge(), plan(), [window(0, answers=None)] * 3)
    assert {(d.verdict, d.gate) for d in decisions} == {(Verdict.HOLD, "golden")}


def test_answers_that_turn_wrong_during_the_promotion_roll_back() -> None:
    turned = Answers(asked=40, canary_wrong=20, only_canary_wrong=20)
    traffic = [window(0), window(), window(answers=turned)]
    assert ends(traffic) == (Verdict.ROLLBACK, "golden")


def test_the_same_wrong_answer_asked_again_is_no_new_evidence() -> None:
    once = Answers(asked=40, canary_wrong=2, stable_wrong=2, only_canary_wrong=2)
    one = judge()
    harms = [judged(one, [window(answers=once)] * n).harm for n in (1, 2, 20, 100)]
    assert all(later <= earlier for earlier, later in pairwise(harms))


def test_answers_that_differ_from_stables_ask_a_person() -> None:
    assert ends([window(answers=Answers(asked=20, differ=8))] * 40) == (Verdict.ASK, "mirror")


def test_answers_that_differ_no_more_than_stables_own_do_not_ask() -> None:
    noisy = Answers(asked=20, differ=8, noise=8)
    assert "mirror" not in {d.gate for d in promote(judge(), plan(), [window(answers=noisy)] * 40)}


def test_a_canary_without_comparison_that_fails_every_fifth_request_is_stopped() -> None:
    alone = window(canary=Arm(counts=counts(15, 15)), stable=Arm(counts=counts(3)))
    assert ends([alone] * 10) == (Verdict.ROLLBACK, "errors")


def ranking() -> Judge:
    """Ranks of pods have to speak for harm as well."""
    rules = Rules(dispersion=CALIBRATED.dispersion, witnesses="minimum", seed="7")
    return judge_of(contract(), 1, rules)


def test_one_bad_pod_among_equals_is_found_by_rank() -> None:
    pods = {f"s{i}": counts(60, i % 2) for i in range(5)}
    bad = window(
        canary=Arm(counts=counts(60, 12), pods={"c0": counts(60, 12)}),
        stable=Arm(counts=counts(300, 2), pods=pods),
    )
    assert ends([bad] * 40, ranking()) == (Verdict.ROLLBACK, "errors")


def burst() -> Window:
    """Three of stable's pods have it too."""
    pods = {f"s{i}": counts(60, 12 if i < 3 else 0) for i in range(5)}
    return window(
        canary=Arm(counts=counts(60, 12), pods={"c0": counts(60, 12)}),
        stable=Arm(counts=counts(300, 2), pods=pods),
    )


def test_a_burst_that_a_stable_pod_has_as_well_is_not_blamed_on_the_canary() -> None:
    assert ends([burst()] * 40, ranking())[0] is Verdict.HOLD


def under_load(canary: Counts, stable: Counts | None = None, *, pods: int = 5) -> Window:
    """Before the first user; stable has users meanwhile."""
    others = stable or counts(300)
    part = replace(counts(60), errors=others.errors // 5)
    return window(
        0,
        canary=Arm(counts=canary, pods={"c0": canary}),
        stable=Arm(counts=others, pods={f"s{i}": part for i in range(pods)}),
        loaded=True,
    )


def ends_loaded(traffic: list[Window]) -> tuple[Verdict, str, int]:
    last = promote(judge(), plan(load_test=True), traffic)[-1]
    return last.verdict, last.gate, last.weight


def test_a_version_that_holds_its_load_goes_on_to_its_first_users() -> None:
    assert ends_loaded([under_load(counts(300))] * 3) == (Verdict.ADVANCE, "", 5)


def test_a_version_over_its_limit_under_load_meets_no_user() -> None:
    assert ends_loaded([under_load(counts(300, 9))] * 9) == (Verdict.ROLLBACK, "errors", 0)


def test_no_user_meets_a_new_version_while_stable_itself_is_sick() -> None:
    sick = [under_load(counts(300), counts(300, 90))] * 9
    assert ends_loaded(sick) == (Verdict.HOLD, "", 0)


def test_a_version_under_load_is_not_called_slower_or_queueing_than_stable_without() -> None:
    slower = replace(counts(300, queue_ms=40), slower=(300,) * 3 + (0,) * 12)
    assert ends_loaded([under_load(slower)] * 9)[2] > 0


def test_after_a_load_test_a_burst_of_stables_pods_is_still_not_blamed_on_the_canary() -> None:
    traffic = [*[under_load(counts(300))] * 3, *[burst()] * 40]
    decisions = promote(ranking(), plan(load_test=True), traffic)
    assert (decisions[2].weight, decisions[-1].verdict) == (5, Verdict.HOLD)


def test_answers_are_optional_where_the_contract_has_none() -> None:
    gates = judge_of(sound(JUDGE), 1, CALIBRATED).gates
    assert not {"golden", "mirror"} & {gate.name for gate in gates}
