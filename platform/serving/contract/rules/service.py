"""Rules between the promises of a service: latencies, rollout steps, replicas, image."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from serving.contract.evaluation import text_model
from serving.contract.model import ModelContract
from serving.contract.problem import JsonPath
from serving.contract.rules.finding import Finding, Rule, numbers
from serving.contract.runtime import TritonRuntime, VllmRuntime

FIRST_STEP_IN_PROD: Final = 10


def _steps_rise(contract: ModelContract) -> Iterator[Finding]:
    steps = contract.rollout.steps
    for index, step in enumerate(steps):
        if not 1 <= step <= 99:
            yield Finding(
                fields=(("rollout", "steps", index),),
                what="is no weight to compare at",
                got=f"{step}",
                expected="1 to 99",
                do="end at 95: after the last watch the version becomes stable",
            )
    for index, (before, after) in enumerate(pairwise(steps), start=1):
        if after <= before:
            yield Finding(
                fields=(("rollout", "steps", index),),
                what="does not rise",
                got=f"{after} after {before}",
                expected="each step above the one before",
            )


def _slo_sits_on_edges(contract: ModelContract) -> Iterator[Finding]:
    edges = contract.observability.latency_edges_ms
    edge_field: JsonPath = ("observability", "latency_edges_ms")
    if any(after <= before for before, after in pairwise(edges)):
        yield Finding(fields=(edge_field,), what="edges must rise", got=numbers(edges))
        return
    for name in ("p50_ms", "p99_ms"):
        limit = getattr(contract.slo, name)
        if limit not in edges:
            above = bisect(edges, limit)
            near = numbers(edges[max(0, above - 1) : above + 1])
            yield Finding(
                fields=(("slo", name), edge_field),
                what="is not an edge of the latency histogram, so it cannot be measured",
                got=f"{limit:g}",
                expected=f"one of {numbers(edges)}",
                do=f"take {near} or add {limit:g} to observability.latency_edges_ms",
            )
    if contract.slo.p50_ms > contract.slo.p99_ms:
        yield Finding(
            fields=(("slo", "p50_ms"), ("slo", "p99_ms")),
            what="the median may not be slower than the p99",
            got=f"{contract.slo.p50_ms:g} ms",
            expected=f"≤ {contract.slo.p99_ms:g} ms",
            do="set slo.p50_ms",
        )


def _answers_can_be_graded(contract: ModelContract) -> Iterator[Finding]:
    runtime = contract.runtime
    triton = isinstance(runtime, TritonRuntime) and text_model(runtime) is not None
    if contract.rollout.evaluation is None or triton or isinstance(runtime, VllmRuntime):
        return
    yield Finding(
        fields=(("rollout", "evaluation"), ("runtime",)),
        what="asks for answers in text, which this version does not give",
        expected="engine vllm, or triton with one model that callers reach whose only input and "
        "only BYTES output have the shape [1]",
        do="test it with golden requests",
    )


def _a_load_test_has_a_load(contract: ModelContract) -> Iterator[Finding]:
    rollout, here = contract.rollout, ("rollout", "load_test")
    if not rollout.load_test:
        return
    if contract.scaling.replica_rps is None:
        yield Finding(
            fields=(here, ("scaling", "replica_rps")),
            what="does not know which load one replica promises to hold",
            do="measure one replica and set scaling.replica_rps",
        )
    if rollout.shadow_percent:
        yield Finding(
            fields=(here, ("rollout", "shadow_percent")),
            what="would be measured together with mirrored requests",
            do="take one of both",
        )
    runtime = contract.runtime
    asked = isinstance(runtime, VllmRuntime) and rollout.evaluation is not None
    golden = isinstance(runtime, TritonRuntime) and any(
        runtime.models[name].golden for name in runtime.reached
    )
    if not golden and not asked:
        yield Finding(
            fields=(here, ("runtime",), ("rollout", "evaluation")),
            what="has nothing to send",
            expected="golden requests of a Triton model that callers reach, or the questions of "
            "an evaluation for vLLM",
        )


def _replicas_are_enough(contract: ModelContract) -> Iterator[Finding]:
    scaling = contract.scaling
    for prefix, low, high in (
        (("scaling",), scaling.min_replicas, scaling.max_replicas),
        (("scaling", "dev"), scaling.dev.min_replicas, scaling.dev.max_replicas),
    ):
        if high < low:
            yield Finding(
                fields=((*prefix, "max_replicas"), (*prefix, "min_replicas")),
                what="is below min_replicas",
                got=f"{high}",
                expected=f"≥ {low}",
            )
    if scaling.min_replicas == 0:
        yield Finding(
            fields=(("scaling", "min_replicas"),),
            what="scale to zero is only for dev: the first request would wait for a cold start",
            got="0",
            expected="≥ 1",
            do="set scaling.dev.min_replicas: 0 if dev may scale to zero",
        )
    if scaling.min_replicas == 1:
        yield Finding(
            fields=(("scaling", "min_replicas"),),
            what="with one replica each update needs one spare GPU, and a lost node is an outage",
            do="set 2 for production",
            notice=True,
        )
    if scaling.ramp_rps_per_minute and scaling.replica_rps is None:
        yield Finding(
            fields=(("scaling", "replica_rps"), ("scaling", "ramp_rps_per_minute")),
            what="is missing: headroom is the ramp divided by what a replica holds",
            do="measure one replica and add it",
        )


def _image_is_pinned(contract: ModelContract) -> Iterator[Finding]:
    image = contract.runtime.image
    if "@sha256:" in image:
        return
    latest = image.endswith(":latest")
    yield Finding(
        fields=(("runtime", "image"),),
        what="latest is another image every day" if latest else "a tag can be moved",
        got=image,
        expected="a digest (@sha256:…) for production",
        notice=not latest,
    )


def _first_step_is_small(contract: ModelContract) -> Iterator[Finding]:
    first = contract.rollout.steps[0]
    if first > FIRST_STEP_IN_PROD:
        yield Finding(
            fields=(("rollout", "steps", 0),),
            what="too many users would meet an unproven version",
            got=f"{first} %",
            expected=f"≤ {FIRST_STEP_IN_PROD} % in production",
        )


RULES: Final[tuple[Rule, ...]] = (
    _steps_rise,
    _slo_sits_on_edges,
    _answers_can_be_graded,
    _a_load_test_has_a_load,
    _replicas_are_enough,
    _image_is_pinned,
)
PROD_RULES: Final[tuple[Rule, ...]] = (_first_step_is_small,)
