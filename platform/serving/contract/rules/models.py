"""Rules inside the models of a version: tensors, batches, golden requests, ensembles, secrets."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from serving.contract.model import ModelContract
from serving.contract.problem import JsonPath, show
from serving.contract.rules.finding import Finding, Rule, triton_models
from serving.contract.runtime import CustomRuntime, Tensor, TritonModel, Values

QUEUE_SHARE_OF_P99: Final = 0.1

_LARGEST: Final = {
    "FP16": 65504.0,
    "BF16": 3.3895313892515355e38,
    "FP32": 3.4028234663852886e38,
    "FP64": sys.float_info.max,
}

SECRET: Final = re.compile(
    r"(AKIA|ASIA)[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|gh[pousr]_[A-Za-z0-9]{36}|"
    r"xox[abpr]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{30,}"
)


def _queue_delay_leaves_room(contract: ModelContract) -> Iterator[Finding]:
    most = contract.slo.p99_ms * QUEUE_SHARE_OF_P99
    for name, model in triton_models(contract).items():
        delay = model.batching.max_queue_delay_ms
        if model.batching.enabled and delay > most:
            yield Finding(
                fields=(
                    ("runtime", "models", name, "batching", "max_queue_delay_ms"),
                    ("slo", "p99_ms"),
                ),
                what="waiting for a batch takes more than a tenth of the p99 budget",
                got=f"{delay:g} ms",
                expected=f"≤ {most:g} ms, a tenth of slo.p99_ms {contract.slo.p99_ms:g}",
                do="lower the delay or raise slo.p99_ms",
            )


def _batches_are_possible(contract: ModelContract) -> Iterator[Finding]:
    for name, model in triton_models(contract).items():
        for index, size in enumerate(model.batching.preferred):
            if size > model.max_batch_size:
                yield Finding(
                    fields=(
                        ("runtime", "models", name, "batching", "preferred", index),
                        ("runtime", "models", name, "max_batch_size"),
                    ),
                    what="is more than a batch may hold",
                    got=f"{size}",
                    expected=f"≤ max_batch_size, {model.max_batch_size}",
                )


def _pytorch_outputs_have_places(contract: ModelContract) -> Iterator[Finding]:
    for name, model in triton_models(contract).items():
        for tensor in model.outputs if model.backend == "pytorch" else ():
            if not re.fullmatch(r".+__[0-9]+", tensor):
                yield Finding(
                    fields=(("runtime", "models", name, "outputs", tensor),),
                    what="does not say which of the model's outputs it is",
                    got=tensor,
                    expected=f"a name with its place, such as {tensor}__0",
                )


def _versions_are_warm(contract: ModelContract) -> Iterator[Finding]:
    for name, model in triton_models(contract).items():
        if not model.warmup:
            yield Finding(
                fields=(("runtime", "models", name, "warmup"),),
                what="the first users would wait for what warm-up does",
                got="false",
                expected="true in production",
            )


def _shapes_hold_something(contract: ModelContract) -> Iterator[Finding]:
    for name, model in triton_models(contract).items():
        for side, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
            for tensor_name, tensor in tensors.items():
                if not tensor.shape or 0 in tensor.shape:
                    yield Finding(
                        fields=(("runtime", "models", name, side, tensor_name, "shape"),),
                        what="a tensor needs dimensions other than 0",
                        got=str(list(tensor.shape)),
                        expected="[1] for one value, -1 where the size varies",
                    )


def _golden_requests_are_answerable(contract: ModelContract) -> Iterator[Finding]:
    for name, model in triton_models(contract).items():
        here: JsonPath = ("runtime", "models", name)
        if not model.golden and model.backend != "ensemble":
            yield Finding(
                fields=((*here, "golden"),),
                what="has no golden request: nothing shows that it answers right, nothing warms it",
                do="add one real request with its known answer",
            )
        for index, golden in enumerate(model.golden):
            path = (*here, "golden", index)
            yield from _known_values((*path, "inputs"), golden.inputs, model.inputs, here)
            yield from _known_values((*path, "outputs"), golden.outputs, model.outputs, here)
            for missing in sorted(set(model.inputs) - set(golden.inputs)):
                yield Finding(
                    fields=((*path, "inputs"), (*here, "inputs")),
                    what=f"lacks the input {missing}",
                    do="give every input",
                )


def _known_values(
    path: JsonPath, values: Mapping[str, Values], tensors: Mapping[str, Tensor], model: JsonPath
) -> Iterator[Finding]:
    for name, value in values.items():
        tensor = tensors.get(name)
        fields = ((*path, name), (*model, str(path[-1])))
        if tensor is None:
            yield Finding(
                fields=fields,
                what="is no tensor of the model",
                expected=f"one of {', '.join(tensors)}",
            )
        elif not _has_shape(value, tensor.shape):
            yield Finding(
                fields=fields,
                what="does not have the tensor's shape",
                got=f"shape {_shape(value)}",
                expected=f"nested lists of shape {list(tensor.shape)}",
            )
        elif wrong := [leaf for leaf in _leaves(value) if not _is(leaf, tensor.type)]:
            yield Finding(
                fields=fields,
                what=f"holds a value that is no {tensor.type}",
                got=show(wrong[0]),
            )


def _has_shape(value: Values, shape: tuple[int, ...]) -> bool:
    if not shape:
        return not isinstance(value, list)
    return (
        isinstance(value, list)
        and (shape[0] == -1 or len(value) == shape[0])
        and all(_has_shape(item, shape[1:]) for item in value)
    )


def _shape(value: Values) -> list[int]:
    return [len(value), *(_shape(value[0]) if value else [])] if isinstance(value, list) else []


def _leaves(value: Values) -> Iterator[Values]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _is(value: Values, kind: str) -> bool:
    if kind == "BYTES":
        return isinstance(value, str)
    if kind == "BOOL":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if kind in _LARGEST:
        return abs(value) <= _LARGEST[kind]
    bits = int(kind.lstrip("UINT"))
    low, high = (0, 2**bits) if kind.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return math.floor(value) == value and low <= value < high


def _ensembles_connect(contract: ModelContract) -> Iterator[Finding]:
    models = triton_models(contract)
    for name, model in models.items():
        here: JsonPath = ("runtime", "models", name, "steps")
        if (model.backend == "ensemble") != bool(model.steps):
            yield Finding(
                fields=(here, ("runtime", "models", name, "backend")),
                what="an ensemble has steps, and nothing else has",
                got=f"backend: {model.backend}, {len(model.steps)} steps",
            )
        for index, step in enumerate(model.steps):
            yield from _step_connects((*here, index), models, model, step.model, index)


def _step_connects(
    path: JsonPath, models: Mapping[str, TritonModel], ensemble: TritonModel, name: str, index: int
) -> Iterator[Finding]:
    step, part = ensemble.steps[index], models.get(name)
    if part is None or part is ensemble:
        yield Finding(
            fields=((*path, "model"), ("runtime", "models")),
            what="is no other model of this version",
            got=name,
            expected=f"one of {', '.join(key for key in models if models[key] is not ensemble)}",
        )
        return
    produced = {tensor for before in ensemble.steps[:index] for tensor in before.outputs.values()}
    for side, given, known in (
        ("inputs", step.inputs, part.inputs),
        ("outputs", step.outputs, part.outputs),
    ):
        for tensor, outer in given.items():
            if tensor not in known:
                yield Finding(
                    fields=((*path, side, tensor), ("runtime", "models")),
                    what=f"is no tensor of {name}",
                    expected=f"one of {', '.join(known)}",
                )
            if side == "inputs" and outer not in produced and outer not in ensemble.inputs:
                yield Finding(
                    fields=((*path, side, tensor), ("runtime", "models")),
                    what="comes from nowhere",
                    got=outer,
                    expected="an input of the ensemble or an output of an earlier step",
                )


def _no_secrets(contract: ModelContract) -> Iterator[Finding]:
    """REG-6: credentials come from the workload's identity, never from a contract."""
    runtime = contract.runtime
    texts: dict[JsonPath, str] = {}
    for name, model in triton_models(contract).items():
        for key, text in model.parameters.items():
            texts["runtime", "models", name, "parameters", key] = text
    if isinstance(runtime, CustomRuntime):
        texts |= {("runtime", "env", key): text for key, text in runtime.env.items()}
        for field in ("command", "args"):
            texts |= {("runtime", field, i): t for i, t in enumerate(getattr(runtime, field))}
    for path, text in texts.items():
        if SECRET.search(text):
            yield Finding(
                fields=(path,),
                what="looks like a credential",
                expected="no secret in a contract",
                do="remove it, revoke it, and give the workload a role or an external secret",
            )


RULES: Final[tuple[Rule, ...]] = (
    _queue_delay_leaves_room,
    _batches_are_possible,
    _pytorch_outputs_have_places,
    _shapes_hold_something,
    _golden_requests_are_answerable,
    _ensembles_connect,
    _no_secrets,
)
PROD_RULES: Final[tuple[Rule, ...]] = (_versions_are_warm,)
