"""Golden requests of a contract: what is sent, and where an answer leaves what they promise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tritonclient.utils import triton_to_np_dtype

from serving.contract.runtime import Golden, Tensor, TritonModel, Values

Answer: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Difference:
    tensor: str
    index: tuple[int, ...]
    got: object
    expected: object

    def __str__(self) -> str:
        place = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return f"{self.tensor}{place}: got {self.got}, expected {self.expected}"


def inputs_of(model: TritonModel, golden: Golden) -> dict[str, NDArray[Any]]:
    return {
        tensor: _array(model, model.inputs[tensor], values)
        for tensor, values in golden.inputs.items()
    }


def differences(model: TritonModel, golden: Golden, answer: Answer) -> Iterator[Difference]:
    """Where an answer leaves what the golden request promises."""
    for tensor, values in golden.outputs.items():
        expected = _array(model, model.outputs[tensor], values)
        got = answer.get(tensor, np.array(None))
        if got.shape != expected.shape:
            yield Difference(
                tensor=tensor,
                index=(),
                got=f"shape {list(got.shape)}" if tensor in answer else "no such tensor",
                expected=f"shape {list(expected.shape)}",
            )
            continue
        pairs = zip(got.ravel().tolist(), expected.ravel().tolist(), strict=True)
        for index, (one, other) in zip(np.ndindex(expected.shape), pairs, strict=True):
            if not _same(one, other, golden.tolerance):
                place = index[1:] if model.max_batch_size else index
                yield Difference(tensor=tensor, index=place, got=_text(one), expected=other)


def differ(golden: Golden, one: Answer, other: Answer) -> bool:
    """In what the golden request names: two versions may well differ in everything else."""
    return any(
        not _alike(one.get(tensor), other.get(tensor), golden.tolerance)
        for tensor in golden.outputs
    )


def malformed(model: TritonModel, answer: Answer) -> str:
    """What no answer of this model may be, whatever it was asked; empty where it is none of it."""
    for name, tensor in model.outputs.items():
        got = answer.get(name)
        if got is None:
            return f"{name}: no such tensor"
        batch = [1] if model.max_batch_size else []
        shape = [*batch, *tensor.shape]
        if len(got.shape) != len(shape) or any(
            promised not in (-1, given) for promised, given in zip(shape, got.shape, strict=True)
        ):
            return f"{name}: got shape {list(got.shape)}, expected {shape}"
        if got.dtype != np.dtype(triton_to_np_dtype(tensor.type)):
            return f"{name}: got type {got.dtype}, expected {tensor.type}"
        if got.dtype.kind == "f" and not np.isfinite(got).all():
            return f"{name}: got NaN or infinity"
    return ""


def _array(model: TritonModel, tensor: Tensor, values: Values) -> NDArray[Any]:
    """One sample, as a batch of one where the model takes batches."""
    array = np.array(values, dtype=triton_to_np_dtype(tensor.type))
    return array[np.newaxis] if model.max_batch_size else array


def _alike(one: NDArray[Any] | None, other: NDArray[Any] | None, tolerance: float) -> bool:
    if one is None or other is None or one.shape != other.shape:
        return one is other
    pairs = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
    return all(_same(a, _text(b), tolerance) for a, b in pairs)


def _same(got: object, expected: object, tolerance: float) -> bool:
    if isinstance(got, float) and isinstance(expected, float):
        return math.isclose(got, expected, rel_tol=0, abs_tol=tolerance)
    if isinstance(got, int) and isinstance(expected, int):
        return abs(got - expected) <= tolerance
    return _text(got) == expected


def _text(value: object) -> object:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
