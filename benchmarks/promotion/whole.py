"""`python -m benchmarks.promotion.whole`: every gate of a contract at once, on healthy versions.

The scoreboard feeds the errors gate alone. Here errors, latencies, queues and answers are random
and equally distributed on both arms, at the limits of the SLO, where a false alarm is likeliest.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from benchmarks.promotion.ours import DWELL
from serving.contract.model import ModelContract
from serving.promotion.decision import State, Verdict
from serving.promotion.gate import Rules
from serving.promotion.interval import clopper_pearson
from serving.promotion.judge import Evidence, judge_of
from serving.promotion.measurement import Answers, Arm, Counts, Gpu, Window
from serving.promotion.plan import acted, decide, observed
from serving.promotion.steps import Plan

EDGES = (25.0, 50.0, 100.0, 250.0, 500.0)
OVER = (0.8, 0.5, 0.1, 0.01, 0.001)
"""Share of requests over each edge: the median and the p99 lie exactly on their SLO."""
HORIZON = 240
PODS = 5
CONTRACT = ModelContract.model_validate_json(
    json.dumps(
        {
            "name": "digits",
            "tenant": "vision",
            "description": "every gate at its limit",
            "runtime": {
                "engine": "triton",
                "image": "nvcr.io/nvidia/tritonserver:26.07-py3",
                "models": {
                    "digits": {
                        "backend": "python",
                        "inputs": {"x": {"type": "FP32", "shape": [1]}},
                        "outputs": {"y": {"type": "FP32", "shape": [1]}},
                        "memory": {"weights": "1Mi", "per_sample": "1Mi"},
                        "golden": [{"inputs": {"x": [1]}, "outputs": {"y": [1]}}],
                    }
                },
            },
            "resources": {"accelerator": "cpu", "cpu": "1", "memory": "1Gi"},
            "health": {"startup_seconds": 60},
            "slo": {"p50_ms": 50, "p99_ms": 250, "error_rate": 0.005},
            "observability": {"latency_edges_ms": EDGES},
        }
    )
)


def counts(rng: np.random.Generator, mean: float) -> Counts:
    requests = int(rng.poisson(mean))
    slower, left = [], requests
    for share, before in zip(OVER, (1.0, *OVER), strict=False):
        left = int(rng.binomial(left, share / before))
        slower.append(left)
    return Counts(
        requests=requests,
        errors=int(rng.binomial(requests, 0.005)),
        slower=tuple(slower),
        queue_us=int(rng.gamma(4, 12_500) * requests),
        served=requests,
    )


def arm(rng: np.random.Generator, name: str, mean: float, pods: int) -> Arm:
    by_pod = {f"{name}-{i}": counts(rng, mean / pods) for i in range(pods)}
    every = list(by_pod.values())
    total = Counts(
        requests=sum(pod.requests for pod in every),
        errors=sum(pod.errors for pod in every),
        slower=tuple(map(sum, zip(*(pod.slower for pod in every), strict=True))),
        queue_us=sum(pod.queue_us for pod in every),
        served=sum(pod.served for pod in every),
    )
    used = int(rng.normal(0.7, 0.02) * 1000)
    gpu = Gpu(uuid=name, used_bytes=used, total_bytes=1000, utilization=rng.uniform(0.9, 1.0))
    return Arm(counts=total, pods=by_pod, pending=int(rng.poisson(4)), capacity=8, gpus=(gpu,))


def answers(rng: np.random.Generator) -> Answers:
    canary, stable, noise = (int(n) for n in rng.binomial(50, 0.02, 3))
    return Answers(
        asked=50,
        canary_wrong=canary,
        stable_wrong=stable,
        only_canary_wrong=canary,
        only_stable_wrong=stable,
        differ=noise,
        noise=noise,
    )


def run(seed: int, rps: float) -> tuple[Verdict, str]:
    """How a healthy promotion ends, and the gate that ended it."""
    rng = np.random.default_rng(seed)
    shares = ("errors", "p99", "p50", "slowdown")
    rules = Rules(dispersion=dict.fromkeys(shares, 1.0), witnesses="average", seed=str(seed))
    judge = judge_of(CONTRACT, 1, rules)
    steps = CONTRACT.rollout.steps
    plan = Plan(
        steps=steps,
        dwell_seconds=(*(DWELL,) * (len(steps) - 1), 2 * DWELL),
        false_rollback=0.01,
        false_advance=0.05,
        armed=True,
    )
    state, evidence = State(weight=steps[0]), Evidence()
    for index in range(HORIZON):
        part = state.weight / 100
        window = Window(
            started=15.0 * index,
            seconds=15.0,
            weight=state.weight,
            canary=arm(rng, "canary", 15 * rps * part, 1 + state.weight // 20),
            stable=arm(rng, "stable", 15 * rps * (1 - part), PODS),
            answers=answers(rng),
        )
        evidence, judgement = judge.judge(evidence, window)
        state = observed(state, window)
        decision = decide(plan, state, judgement)
        state = acted(state, decision)
        if decision.verdict is Verdict.ROLLBACK or state.weight == 100:
            return decision.verdict, decision.gate
    return Verdict.HOLD, ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--rps", type=float, default=20)
    asked = parser.parse_args()
    ends = [run(seed, asked.rps) for seed in range(asked.runs)]
    rolled = [gate for verdict, gate in ends if verdict is Verdict.ROLLBACK]
    _, high = clopper_pearson(len(rolled), asked.runs)
    promoted = sum(verdict is Verdict.ADVANCE for verdict, _ in ends)
    print(  # noqa: T201  # its output is what it is for
        f"{asked.runs} healthy versions at every limit of their SLO: {len(rolled)} rolled back "
        f"(at most {high:.2%}) by {sorted(set(rolled)) or 'no gate'}, {promoted} promoted within "
        f"{HORIZON // 4} minutes"
    )


if __name__ == "__main__":
    main()
