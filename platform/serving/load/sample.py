"""Held-out samples as the very bytes that are sent, made once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2
from tritonclient.utils import np_to_triton_dtype, serialize_byte_tensor

from serving.errors import InputError

TRUTH: Final = "label"
"""Both the output that is asked for and the column with the true answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    truth: str
    http: bytes
    json_size: int
    """Of the part of `http` that is JSON; the tensor follows it."""
    grpc: bytes


def samples_of(model: str, path: Path) -> Sequence[Sample]:
    """From an example's `held-out.npz`: one input, and the truth."""
    try:
        with np.load(path) as held_out:
            columns = dict(held_out)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as samples: {error}") from error
    truths = columns.pop(TRUTH, None)
    if truths is None or len(columns) != 1:
        raise InputError(
            f"{path}: expected one input and `{TRUTH}`, got {', '.join(columns) or 'no input'}"
        )
    ((name, values),) = columns.items()
    return [
        _sample(model, name, value, str(truth)) for value, truth in zip(values, truths, strict=True)
    ]


def _sample(model: str, name: str, value: NDArray[Any] | np.str_, truth: str) -> Sample:
    kind, shape, raw = _tensor(value)
    tensor = {
        "name": name,
        "datatype": kind,
        "shape": shape,
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor], "outputs": [{"name": TRUTH}]}).encode()
    message = service_pb2.ModelInferRequest(model_name=model, raw_input_contents=[raw])
    message.inputs.add(name=name, datatype=kind, shape=shape)
    message.outputs.add(name=TRUTH)
    return Sample(
        truth=truth, http=head + raw, json_size=len(head), grpc=message.SerializeToString()
    )


def _tensor(value: NDArray[Any] | np.str_) -> tuple[str, list[int], bytes]:
    """Triton's type, shape and bytes of a batch of one."""
    if isinstance(value, str):
        text = np.array([[value]], dtype=np.object_)
        return "BYTES", [1, 1], serialize_byte_tensor(text).item()
    return np_to_triton_dtype(value.dtype), [1, *value.shape], value.tobytes()
