"""Triton's Python backend for the examples: runs `model.onnx`, with the faults of `faults.json`."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


class TritonPythonModel:
    def initialize(self, args: Mapping[str, str]) -> None:
        folder = Path(args["model_repository"]) / args["model_version"]
        config = json.loads(args["model_config"])
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = {
            tensor["name"]: [int(size) for size in tensor["dims"]] for tensor in config["output"]
        }
        faults = folder / "faults.json"
        self._faults = json.loads(faults.read_text()) if faults.exists() else {}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # parallelism comes from the number of instances
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)

    @property
    def faults(self) -> Mapping[str, Any]:
        """None before the file is there that they may name as `once`."""
        once = self._faults.get("once")
        return {} if once and not Path(once).exists() else self._faults

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Triton passes the requests of one batch together; the model runs once for them all."""
        time.sleep(self.faults.get("delay_ms", 0) / 1000)
        tensors = [[_input(request, name) for name in self.inputs] for request in requests]
        batch = [np.concatenate(parts) for parts in zip(*tensors, strict=True)]
        answers = self._run(dict(zip(self.inputs, batch, strict=True)))
        ends = np.cumsum([len(parts[0]) for parts in tensors])[:-1]
        shares = {name: np.split(values, ends) for name, values in answers.items()}
        return [
            self._response(parts, {name: share[index] for name, share in shares.items()})
            for index, parts in enumerate(tensors)
        ]

    def _run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        feeds = {name: _decoded(values) for name, values in inputs.items()}
        found = self.session.run(list(self.outputs), feeds)
        answers = {
            name: values.reshape(len(values), *self.outputs[name])
            for name, values in zip(self.outputs, found, strict=True)
        }
        shift = self.faults.get("label_shift", 0)
        if shift:
            classes = answers["probabilities"].shape[1]
            answers["label"] = (answers["label"] + shift) % classes
            answers["probabilities"] = np.roll(answers["probabilities"], shift, axis=1)
        return answers

    def _response(self, inputs: Sequence[Array], answers: Mapping[str, Array]) -> Any:
        if _fails(inputs, self.faults.get("failing_share", 0.0)):
            error = pb_utils.TritonError("this version fails a share of its requests on purpose")
            return pb_utils.InferenceResponse(error=error)
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, _encoded(values)) for name, values in answers.items()]
        )


def _input(request: Any, name: str) -> Array:
    values: Array = pb_utils.get_input_tensor_by_name(request, name).as_numpy()
    return values.reshape(len(values), -1)


def _fails(inputs: Sequence[Array], share: float) -> bool:
    """The same request always meets the same fate, whatever else is in its batch."""
    if not share:
        return False
    content = repr([values.tolist() for values in inputs]).encode()
    return int.from_bytes(hashlib.sha256(content).digest()[:4], "big") < share * 2**32


def _decoded(values: Array) -> Array:
    if values.dtype != np.object_:
        return values
    texts = [value.decode(errors="replace") for value in values.flat]
    return np.array(texts, dtype=np.object_).reshape(values.shape)


def _encoded(values: Array) -> Array:
    if values.dtype != np.object_:
        return values
    texts = [value.encode() for value in values.flat]
    return np.array(texts, dtype=np.object_).reshape(values.shape)
