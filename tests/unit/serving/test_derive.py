"""Which field of a contract changes what: every field, for every engine, exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from serving.contract.model import Environment, ModelContract
from serving.contract.problem import JsonPath
from serving.derive import ARTEFACTS, derived
from tests.contracts import changed, contract

DIGEST = "sha256:" + "7" * 64
SCAN = contract("scan").runtime.model_dump(mode="json")
WRITER = contract("writer").runtime.model_dump(mode="json")
FOREST = contract("forest").runtime.model_dump(mode="json")

ENGINES = {"triton": "scan", "vllm": "writer", "custom": "forest"}

FROZEN = "contract-digest"
GPUS = f"placement container-resources quota-use cost-per-hour {FROZEN}"

# field → new value, artefacts that change with every engine, and those that change with one more
SHARED: dict[str, tuple[object, str, dict[str, str]]] = {
    "name": (
        "other",
        f"repository identity recording-rules alerts {FROZEN}",
        {"vllm": "server-arguments"},
    ),
    "tenant": ("other", "identity recording-rules alerts", {}),
    "description": ("other", "", {}),
    "workload": ("batch", "placement", {}),
    "repository(efs).kind": ({"kind": "efs"}, "repository", {}),
    "repository(s3).kind": ({"kind": "s3", "uri": "s3://other"}, "repository", {}),
    "repository(oci).kind": ({"kind": "oci", "ref": f"a/b@{DIGEST}"}, "repository", {}),
    "resources.accelerator": ("cpu", GPUS, {"triton": "config.pbtxt server-arguments"}),
    "resources.gpus": (2, GPUS, {"triton": "config.pbtxt"}),
    "resources.gpu_memory": ("1Gi", "promotion", {}),
    "resources.cpu": (80, "container-resources quota-use cost-per-hour", {}),
    "resources.memory": ("1Ti", "container-resources quota-use cost-per-hour", {}),
    "resources.instance_types": (["p5.48xlarge"], "placement cost-per-hour", {}),
    "resources.sharing": ("time-slicing", "placement", {"triton": "container-resources quota-use"}),
    "health.startup_seconds": (700, "probes scaling", {}),
    "slo.p50_ms": (25, "promotion", {}),
    "slo.p99_ms": (500, "promotion recording-rules alerts", {}),
    "slo.error_rate": (0.01, "promotion alerts", {}),
    "slo.queue_ms": (10, "promotion", {"triton": "alerts"}),
    "rollout.steps": ([5, 95], "promotion", {}),
    "rollout.min_step_seconds": (30, "promotion", {}),
    "rollout.shadow_percent": (5, "promotion", {}),
    "rollout.load_test": (True, "promotion", {}),
    "rollout.sticky_by": ("x-user", "promotion", {}),
    "rollout.gates": (["errors"], "promotion", {}),
    "rollout.false_rollback": (0.02, "promotion", {}),
    "rollout.false_advance": (0.02, "promotion", {}),
    "scaling.min_replicas": (3, "scaling", {}),
    "scaling.max_replicas": (9, "scaling quota-use cost-per-hour", {}),
    "scaling.dev.min_replicas": (2, "scaling", {}),
    "scaling.dev.max_replicas": (3, "scaling quota-use cost-per-hour", {}),
    "scaling.replica_rps": (7, "scaling", {}),
    "observability.latency_edges_ms": ([250], "histogram-edges", {}),
    "observability.labels": ({"on-call": "other"}, "alerts", {}),
    "observability.trace_rate": (0.5, "tracing", {}),
}

MODEL = "runtime(triton).models.*"
LORA = "runtime(vllm).lora"
EVALUATION = "rollout.evaluation"
RULES = "recording-rules alerts"
ENGINE = "config.pbtxt warm-up golden-requests image server-arguments probes environment adapters"

# field, contract, what its stars stand for, new value, artefacts that change
OWN: list[tuple[str, str, JsonPath, object, str]] = [
    ("repository(s3).uri", "scan", (), "s3://other", "repository"),
    ("repository(oci).ref", "writer", (), f"a/b@{DIGEST}", "repository"),
    (
        "resources.mig_profile", "scan", (), "2g.10gb",
        "placement container-resources quota-use cost-per-hour",
    ),
    (f"{EVALUATION}.judge", "writer", (), "http://other/v1", "promotion"),
    (f"{EVALUATION}.model", "writer", (), "other", "promotion"),
    (f"{EVALUATION}.questions.*.ask", "writer", (0,), "Other.", "promotion"),
    (f"{EVALUATION}.questions.*.reference", "writer", (0,), "Other.", "promotion"),
    (f"{EVALUATION}.least_grade", "writer", (), 3.5, "promotion"),
    (f"{EVALUATION}.grade_seconds", "writer", (), 9, "promotion"),
    ("scaling.ramp_rps_per_minute", "scan", (), 90, "scaling"),
    ("versions.*.digest", "scan", ("1",), DIGEST, "repository"),
    ("versions.*.contract", "scan", ("1",), DIGEST, "repository"),
    ("versions.*.source", "scan", ("1",), "other", ""),
    ("versions.*.overrides", "scan", ("1",), {"image": "a/b:1"}, f"image {FROZEN}"),
    ("runtime(vllm).engine", "scan", (), WRITER, f"{ENGINE} {RULES} request-limits {FROZEN}"),
    (
        "runtime(triton).engine", "writer", (), SCAN,
        f"{ENGINE} {RULES} request-limits placement {FROZEN}",
    ),
    (
        "runtime(custom).engine", "scan", (), FOREST,
        f"{ENGINE.removesuffix(' adapters')} {RULES} {FROZEN}",
    ),
    ("runtime(triton).image", "scan", (), "a/b:1", f"image {FROZEN}"),
    (f"{MODEL}.backend", "scan", ("scan",), "python", f"config.pbtxt {FROZEN}"),
    (
        f"{MODEL}.inputs.*.type", "scan", ("scan", "pixels"), "FP64",
        f"config.pbtxt warm-up {FROZEN}",
    ),
    (f"{MODEL}.inputs.*.shape", "scan", ("scan", "pixels"), [-1, -1], f"config.pbtxt {FROZEN}"),
    (f"{MODEL}.outputs.*.type", "scan", ("scan", "finding"), "FP64", f"config.pbtxt {FROZEN}"),
    (f"{MODEL}.outputs.*.shape", "scan", ("scan", "finding"), [4], f"config.pbtxt {FROZEN}"),
    (f"{MODEL}.max_batch_size", "scan", ("scan",), 32, f"config.pbtxt {FROZEN}"),
    (f"{MODEL}.batching.enabled", "scan", ("scan",), False, f"config.pbtxt {FROZEN}"),
    (f"{MODEL}.batching.preferred", "scan", ("scan",), [4], f"config.pbtxt {FROZEN}"),
    (f"{MODEL}.batching.max_queue_delay_ms", "scan", ("scan",), 3, f"config.pbtxt {FROZEN}"),
    (f"{MODEL}.batching.max_queue_size", "scan", ("scan",), 3, f"config.pbtxt {FROZEN}"),
    (f"{MODEL}.instances.count", "scan", ("scan",), 3, f"config.pbtxt {FROZEN}"),
    (f"{MODEL}.memory.weights", "scan", ("scan",), "1Mi", FROZEN),
    (f"{MODEL}.memory.per_sample", "scan", ("scan",), "1Mi", FROZEN),
    (
        f"{MODEL}.golden.*.inputs", "scan", ("scan", 0), {"pixels": [[9, 9, 9]], "note": ["erect"]},
        f"warm-up golden-requests {FROZEN}",
    ),
    (
        f"{MODEL}.golden.*.outputs", "scan", ("scan", 0), {"finding": [1, 0, 0]},
        f"golden-requests {FROZEN}",
    ),
    (f"{MODEL}.golden.*.tolerance", "scan", ("scan", 0), 0.5, f"golden-requests {FROZEN}"),
    (f"{MODEL}.warmup", "scan", ("scan",), False, f"config.pbtxt warm-up {FROZEN}"),
    (f"{MODEL}.parameters", "scan", ("scan",), {"a": "b"}, f"config.pbtxt {FROZEN}"),
    (
        f"{MODEL}.steps.*.model", "forms", ("forms", 0), "sorter",
        f"config.pbtxt recording-rules {FROZEN}",
    ),
    (f"{MODEL}.steps.*.inputs", "forms", ("forms", 0), {"a": "b"}, f"config.pbtxt {FROZEN}"),
    (f"{MODEL}.steps.*.outputs", "forms", ("forms", 0), {"a": "b"}, f"config.pbtxt {FROZEN}"),
    ("runtime(vllm).image", "writer", (), "a/b:1", f"image {FROZEN}"),
    ("runtime(vllm).model", "writer", (), "other", f"server-arguments {FROZEN}"),
    ("runtime(vllm).max_model_len", "writer", (), 2048, f"server-arguments {FROZEN}"),
    ("runtime(vllm).max_tokens", "writer", (), 512, f"request-limits {FROZEN}"),
    ("runtime(vllm).gpu_memory_utilization", "writer", (), 0.7, f"server-arguments {FROZEN}"),
    ("runtime(vllm).tensor_parallel_size", "writer", (), 2, f"server-arguments {FROZEN}"),
    ("runtime(vllm).dtype", "writer", (), "half", f"server-arguments {FROZEN}"),
    ("runtime(vllm).quantization", "writer", (), "gptq", f"server-arguments {FROZEN}"),
    ("runtime(vllm).enforce_eager", "writer", (), True, f"server-arguments {FROZEN}"),
    ("runtime(vllm).weights", "writer", (), "30Gi", FROZEN),
    ("runtime(vllm).kv_cache_per_token", "writer", (), "1Ki", FROZEN),
    (f"{LORA}.max_loras", "writer", (), 3, f"server-arguments {FROZEN}"),
    (f"{LORA}.max_rank", "writer", (), 64, f"server-arguments {FROZEN}"),
    (f"{LORA}.slots", "writer", (), ["odes"], f"adapters {FROZEN}"),
    (f"{LORA}.runtime_updates", "writer", (), False, f"environment {FROZEN}"),
    (f"{LORA}.adapters_image", "writer", (), "a/b:1", f"adapters {FROZEN}"),
    ("runtime(custom).image", "forest", (), "a/b:1", f"image {FROZEN}"),
    ("runtime(custom).reason", "forest", (), "other", FROZEN),
    ("runtime(custom).command", "forest", (), ["/other"], f"server-arguments {FROZEN}"),
    ("runtime(custom).args", "forest", (), ["--other"], f"server-arguments {FROZEN}"),
    ("runtime(custom).env", "forest", (), {"A": "b"}, f"environment {FROZEN}"),
    ("runtime(custom).port", "forest", (), 9001, f"probes {FROZEN}"),
    ("runtime(custom).ready_path", "forest", (), "/other", f"probes {FROZEN}"),
    ("runtime(custom).live_path", "forest", (), "/other", f"probes {FROZEN}"),
]  # fmt: skip


def changes(name: str, field: str, stars: JsonPath, value: object) -> set[str]:
    """The artefacts of the first version that differ, in one environment or the other."""
    names = iter(stars)
    parts = re.sub(r"\(.*?\)", "", field).split(".")
    if field.endswith((").engine", ").kind")):
        parts.pop()  # another kind is another section
    path = tuple(next(names) if part == "*" else part for part in parts)
    other = changed(name, path, value)
    assert other != contract(name), "the new value is the old one"
    environments: tuple[Environment, ...] = ("dev", "prod")
    found: set[str] = set()
    for environment in environments:
        before = derived(contract(name), 1, environment)
        after = derived(other, 1, environment)
        found |= {key for key in ARTEFACTS if before.get(key) != after.get(key)}
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("field", SHARED)
def test_a_field_of_every_engine_changes_exactly_what_reads_it(field: str, engine: str) -> None:
    value, always, own = SHARED[field]
    expected = {*always.split(), *own.get(engine, "").split()}
    assert changes(ENGINES[engine], field, (), value) == expected


@pytest.mark.parametrize(
    ("field", "name", "stars", "value", "artefacts"), OWN, ids=lambda v: str(v)[:50]
)
def test_a_field_of_one_engine_changes_exactly_what_reads_it(
    field: str, name: str, stars: JsonPath, value: object, artefacts: str
) -> None:
    assert changes(name, field, stars, value) == set(artefacts.split())


def leaves(kind: Any, path: str = "") -> Iterator[str]:
    """Every field that holds a value: `*` for any key or place, the kind of a section in `()`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from leaves(arguments[0], path)
    elif _is_section(kind):
        tag = get_args(next(iter(kind.model_fields.values())).annotation)
        here = f"{path}({tag[0]})" if len(tag) == 1 and isinstance(tag[0], str) else path
        for name, field in kind.model_fields.items():
            yield from leaves(field.annotation, f"{here}.{name}")
    elif origin in (dict, tuple) and _is_section(arguments[-1 if origin is dict else 0]):
        yield from leaves(arguments[-1 if origin is dict else 0], f"{path}.*")
    elif any(_is_section(one) for one in arguments) and origin is not dict:
        for one in arguments:
            yield from leaves(one, path) if one is not type(None) else ()
    else:
        yield path.removeprefix(".")


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def test_every_field_of_the_contract_is_in_a_table() -> None:
    assert {*SHARED, *(field for field, *_ in OWN)} == set(leaves(ModelContract))


def test_every_artefact_follows_from_some_field() -> None:
    named = {word for _, always, own in SHARED.values() for word in (always, *own.values())}
    named |= {row[-1] for row in OWN}
    assert {artefact for words in named for artefact in words.split()} == set(ARTEFACTS)
