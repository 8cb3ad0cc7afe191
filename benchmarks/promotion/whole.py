"""`python -m benchmarks.promotion.whole`: every gate of a contract at once, and what each catches.

The scoreboard feeds the errors gate alone. Here errors, latencies, queues, memory and answers of
both arms are random, at the limits of the SLO, where a false alarm is likeliest; then the canary
gets worse in one of them at a time. No GPU was seen: its figures are drawn like the others.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

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
SECONDS = 15.0
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


@dataclass(frozen=True, kw_only=True)
class Version:
    """What one answers like; the defaults are stable's."""

    about: str
    over: Sequence[float] = OVER
    errors: float = 0.005
    queue_ms: float = 50.0
    """Mean over a window."""
    backlog: float = 0.0
    """Requests more that are pending in each window."""
    memory: float = 0.7
    """Of the GPU, used at first."""
    leak: float = 0.0
    """Of the GPU's memory, more in each window."""
    wrong: float = 0.02
    """Of the golden samples."""


STABLE = Version(about="as good as stable")
WORSE = (
    Version(about="errors 0.5 % → 5 %", errors=0.05),
    Version(about="over the p99's limit 1 % → 5 %", over=(0.8, 0.5, 0.12, 0.05, 0.005)),
    Version(about="over the median's limit 50 % → 95 %", over=(0.99, 0.95, 0.1, 0.01, 0.001)),
    Version(about="queue 50 → 400 ms", queue_ms=400.0),
    Version(about="3 more requests pending each window", backlog=3.0),
    Version(about="GPU memory 70 % → 96 %", memory=0.96),
    Version(about="GPU memory leaks 1 % a window", leak=0.01),
    Version(about="wrong golden answers 2 % → 20 %", wrong=0.2),
    Version(about="wrong golden answers 2 % → 50 %", wrong=0.5),
)


def counts(rng: np.random.Generator, mean: float, version: Version) -> Counts:
    requests = int(rng.poisson(mean))
    slower, left = [], requests
    for share, before in zip(version.over, (1.0, *version.over), strict=False):
        left = int(rng.binomial(left, share / before))
        slower.append(left)
    return Counts(
        requests=requests,
        errors=int(rng.binomial(requests, version.errors)),
        slower=tuple(slower),
        queue_us=int(rng.gamma(4, 250 * version.queue_ms) * requests),
        served=requests,
    )


def arm(
    rng: np.random.Generator, name: str, version: Version, mean: float, pods: int, index: int
) -> Arm:
    by_pod = {f"{name}-{i}": counts(rng, mean / pods, version) for i in range(pods)}
    every = list(by_pod.values())
    total = Counts(
        requests=sum(pod.requests for pod in every),
        errors=sum(pod.errors for pod in every),
        slower=tuple(map(sum, zip(*(pod.slower for pod in every), strict=True))),
        queue_us=sum(pod.queue_us for pod in every),
        served=sum(pod.served for pod in every),
    )
    used = min(rng.normal(version.memory, 0.01) + version.leak * index, 1.0)
    gpu = Gpu(
        uuid=name,
        used_bytes=int(1000 * used),
        total_bytes=1000,
        utilization=rng.uniform(0.9, 1.0),
    )
    pending = int(rng.poisson(4) + version.backlog * index)
    return Arm(counts=total, pods=by_pod, pending=pending, capacity=8, gpus=(gpu,))


def answers(rng: np.random.Generator, version: Version) -> Answers:
    """Drawn once: the same samples are asked again and again."""
    canary, stable, noise = (int(rng.binomial(50, p)) for p in (version.wrong, 0.02, 0.02))
    return Answers(
        asked=50,
        canary_wrong=canary,
        stable_wrong=stable,
        only_canary_wrong=canary,
        only_stable_wrong=stable,
        differ=max(canary, noise),
        noise=noise,
    )


@dataclass(frozen=True, kw_only=True)
class End:
    outcome: str
    gate: str
    minutes: float


def run(seed: int, version: Version, rps: float) -> End:
    """How a promotion ends, and the gate that ended it, or held it last."""
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
    state, evidence, answered = State(weight=steps[0]), Evidence(), answers(rng, version)
    for index in range(HORIZON):
        part = state.weight / 100
        window = Window(
            started=SECONDS * index,
            seconds=SECONDS,
            weight=state.weight,
            canary=arm(rng, "canary", version, SECONDS * rps * part, 1 + state.weight // 20, index),
            stable=arm(rng, "stable", STABLE, SECONDS * rps * (1 - part), PODS, index),
            answers=answered,
        )
        evidence, judgement = judge.judge(evidence, window)
        state = observed(state, window)
        decision = decide(plan, state, judgement)
        state = acted(state, decision)
        minutes = (index + 1) * SECONDS / 60
        if decision.verdict is Verdict.ROLLBACK:
            return End(outcome="rolled back", gate=decision.gate, minutes=minutes)
        if state.weight == 100:
            return End(outcome="promoted", gate="", minutes=minutes)
    return End(outcome="held", gate=decision.gate, minutes=minutes)


def row(version: Version, ends: Sequence[End]) -> str:
    runs = len(ends)
    rolled = [end for end in ends if end.outcome == "rolled back"]
    low, high = clopper_pearson(len(rolled), runs)
    promoted = [end.minutes for end in ends if end.outcome == "promoted"]
    gates = Counter(end.gate or "-" for end in ends if end.outcome != "promoted")
    by = ", ".join(f"{gate} {count}" for gate, count in gates.most_common()) or "-"
    return (
        f"| {version.about} | {len(rolled) / runs:.2%} ({low:.2%} to {high:.2%}) | "
        f"{_minutes([end.minutes for end in rolled])} | {len(promoted) / runs:.2%} | "
        f"{_minutes(promoted)} | {1 - (len(rolled) + len(promoted)) / runs:.2%} | {by} |"
    )


def _minutes(found: Sequence[float]) -> str:
    return f"{median(found):.1f}" if found else "-"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promotion.whole")
    parser.add_argument("--runs", type=int, default=2000, help="per version (default 2000)")
    parser.add_argument("--rps", type=float, default=20)
    parser.add_argument("--workers", type=int, default=1, help="processes side by side")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("whole.md"))
    asked = parser.parse_args()
    lines = [
        "# Every gate of a contract at once",
        "",
        f"`python -m benchmarks.promotion.whole --runs {asked.runs} --rps {asked.rps:g}`: windows "
        f"of 15 s, {HORIZON // 4} minutes at most, both arms at every limit of their SLO. No "
        "figure of a GPU was measured: they are drawn, as all others here.",
        "",
        "| canary | rolled back (95 % interval) | minutes, median | promoted | minutes, median "
        "| held | by |",
        "|---|---|---|---|---|---|---|",
    ]
    with ProcessPoolExecutor(asked.workers) as pool:
        for version in (STABLE, *WORSE):
            one = partial(run, version=version, rps=asked.rps)
            lines.append(row(version, list(pool.map(one, range(asked.runs), chunksize=20))))
            print(lines[-1], flush=True)  # noqa: T201  # its output is what it is for
    asked.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
