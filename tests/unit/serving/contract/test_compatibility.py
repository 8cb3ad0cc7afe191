from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.contract.compatibility import Difference, Kind, differences
from serving.contract.model import frozen
from serving.contract.problem import JsonPath
from serving.errors import InputError
from tests.contracts import changed, contract

MODEL: JsonPath = ("runtime", "models", "scan")
PIXELS: JsonPath = (*MODEL, "inputs", "pixels")
FINDING: JsonPath = (*MODEL, "outputs", "finding")
NEW = {"type": "FP32", "shape": [1]}


def between(name: str, path: JsonPath, value: object) -> tuple[Difference, ...]:
    return differences(frozen(contract(name), 9), frozen(changed(name, path, value), 9))


def summary(found: tuple[Difference, ...]) -> list[tuple[Kind, str]]:
    return [(difference.kind, difference.path) for difference in found]


@pytest.mark.parametrize(
    ("path", "value", "kind", "at"),
    [
        ((*PIXELS, "type"), "FP16", "breaking", "inputs.pixels.type"),
        ((*PIXELS, "shape"), [1, 3], "breaking", "inputs.pixels.shape"),
        ((*PIXELS, "shape"), [-1, -1], "safe", "inputs.pixels.shape"),
        ((*PIXELS, "shape"), [1, -1, 1], "breaking", "inputs.pixels.shape"),
        ((*FINDING, "shape"), [4], "breaking", "outputs.finding.shape"),
        ((*FINDING, "shape"), [-1], "breaking", "outputs.finding.shape"),
        ((*FINDING, "type"), "FP64", "breaking", "outputs.finding.type"),
        ((*MODEL, "inputs", "age"), NEW, "breaking", "inputs.age"),
        ((*MODEL, "outputs", "heat"), NEW, "safe", "outputs.heat"),
        ((*MODEL, "max_batch_size"), 8, "breaking", "max_batch_size"),
        ((*MODEL, "max_batch_size"), 32, "safe", "max_batch_size"),
        ((*MODEL, "max_batch_size"), 0, "breaking", "max_batch_size"),
        ((*MODEL, "backend"), "vllm", "breaking", "backend"),
        ((*MODEL, "backend"), "tensorrt", "note", "backend"),
        ((*MODEL, "batching", "max_queue_size"), 1, "note", "batching"),
        ((*MODEL, "golden", 0, "outputs", "finding"), [0, 0, 1], "note", "golden"),
    ],
)
def test_a_change_of_a_triton_model(path: JsonPath, value: object, kind: Kind, at: str) -> None:
    assert summary(between("scan", path, value)) == [(kind, f"runtime.models.scan.{at}")]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("max_model_len",), 2048, ("breaking", "runtime.max_model_len")),
        (("max_model_len",), 8192, ("safe", "runtime.max_model_len")),
        (("max_tokens",), 512, ("breaking", "runtime.max_tokens")),
        (("model",), "other/weights", ("note", "runtime.model")),
        (("lora", "slots"), ["letters"], ("breaking", "runtime.lora.slots.poems")),
        (("lora", "slots"), ["letters", "odes", "poems"], ("safe", "runtime.lora.slots.odes")),
        (("lora", "max_rank"), 16, ("note", "runtime.lora.max_rank")),
        (("image",), "vllm/vllm-openai:v0.34.0", ("note", "runtime.image")),
    ],
)
def test_a_change_of_a_vllm_runtime(
    path: JsonPath, value: object, expected: tuple[Kind, str]
) -> None:
    assert summary(between("writer", ("runtime", *path), value)) == [expected]


def test_a_model_of_a_bundle_that_is_gone_breaks_callers() -> None:
    models = frozen(contract("forms"), 1)["runtime"]["models"]
    fewer = changed("forms", ("runtime", "models"), {"reader": models["reader"]})
    found = differences(frozen(contract("forms"), 1), frozen(fewer, 1))
    assert summary(found) == [
        ("breaking", "runtime.models.forms"),
        ("breaking", "runtime.models.sorter"),
    ]


def test_a_renamed_tensor_is_one_difference() -> None:
    (found,) = between("scan", (*MODEL, "outputs"), {"result": {"type": "FP32", "shape": [3]}})
    assert (found.kind, found.what) == ("breaking", "was renamed to result")


def test_a_renamed_tensor_does_not_hide_another_change() -> None:
    inputs = {"image": {"type": "FP32", "shape": [1, -1]}, "note": {"type": "INT8", "shape": [1]}}
    assert summary(between("scan", (*MODEL, "inputs"), inputs)) == [
        ("breaking", "runtime.models.scan.inputs.note.type"),
        ("breaking", "runtime.models.scan.inputs.pixels"),
    ]


def test_another_engine_breaks_callers() -> None:
    other = frozen(contract("forest"), 1) | {"name": "scan"}
    found = differences(frozen(contract("scan"), 1), other)
    assert ("breaking", "runtime.engine") in summary(found)


def test_adapters_that_are_gone_break_callers() -> None:
    found = between("writer", ("runtime", "lora"), None)
    assert summary(found) == [
        ("breaking", "runtime.lora.slots.letters"),
        ("breaking", "runtime.lora.slots.poems"),
        ("note", "runtime.lora"),
    ]


def test_callers_do_not_meet_the_accelerator() -> None:
    assert summary(between("scan", ("resources", "gpus"), 2)) == [("note", "gpus")]


def test_a_published_contract_that_cannot_be_read_is_named() -> None:
    broken = frozen(contract("scan"), 1) | {"runtime": {"engine": "triton"}}
    with pytest.raises(
        InputError, match=r"contract of scan cannot be read: runtime\.triton\.image"
    ):
        differences(broken, frozen(contract("scan"), 1))


TENSORS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["FP32", "INT64"]),
            "shape": st.lists(st.sampled_from([-1, 1, 2]), min_size=1, max_size=2),
        }
    ),
    min_size=1,
)
CONTRACTS = st.fixed_dictionaries(
    {"a": st.booleans(), "b": st.booleans(), "inputs": TENSORS, "outputs": TENSORS}
    | {"max_batch_size": st.sampled_from([0, 4, 8])}
).map(
    lambda drawn: {
        "name": "m",
        "runtime": {
            "engine": "triton",
            "image": "example/triton:1",
            "models": {
                name: {"backend": "python", "memory": {"weights": 1, "per_sample": 1}}
                | {key: drawn[key] for key in ("inputs", "outputs", "max_batch_size")}
                for name in ("a", "b", "c")
                if drawn.get(name, True)
            },
        },
    }
)


@given(CONTRACTS)
def test_nothing_differs_from_itself(one: dict[str, Any]) -> None:
    assert differences(one, one) == ()


@given(CONTRACTS, CONTRACTS)
def test_what_is_safe_one_way_breaks_the_other_way(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    def paths(found: tuple[Difference, ...], kind: Kind) -> set[str]:
        return {difference.path for difference in found if difference.kind == kind}

    there, back = differences(one, other), differences(other, one)
    assert paths(there, "safe") <= paths(back, "breaking")
    assert paths(back, "safe") <= paths(there, "breaking")
    assert paths(there, "note") == paths(back, "note")
    assert bool(there) == (one != other)


@given(CONTRACTS)
def test_widening_is_safe(narrow: dict[str, Any]) -> None:
    models = {}
    for name, model in narrow["runtime"]["models"].items():
        inputs = {
            key: tensor | {"shape": [-1] * len(tensor["shape"])}
            for key, tensor in model["inputs"].items()
        }
        outputs = model["outputs"] | {"more": NEW}
        batch = model["max_batch_size"] * 2
        models[name] = model | {"inputs": inputs, "outputs": outputs, "max_batch_size": batch}
    wide = narrow | {"runtime": narrow["runtime"] | {"models": models}}
    assert {difference.kind for difference in differences(narrow, wide)} == {"safe"}
