"""What an example hands to the build: the files of each version, and samples held out."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from skl2onnx import convert_sklearn

OPSET: Final = {"": 17, "ai.onnx.ml": 3}
"""Runs on onnxruntime 1.12 and later."""

Samples = Mapping[str, NDArray[Any]]
"""Inputs and their true answers, by tensor name, one row per sample."""


@dataclass(frozen=True, kw_only=True)
class Version:
    files: Mapping[str, bytes]
    """By path inside the version's folder."""
    about: str
    score: str
    """How good it is on the held-out samples, in words."""


@dataclass(frozen=True, kw_only=True)
class Example:
    versions: Mapping[int, Version]
    held_out: Samples = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        for number, version in self.versions.items():
            for path, content in version.files.items():
                target = folder / str(number) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        if self.held_out:
            np.savez(folder / "held-out.npz", allow_pickle=False, **self.held_out)


def python_model(onnx: bytes, faults: Mapping[str, object] | None = None) -> dict[str, bytes]:
    """The files of one model of the Python backend."""
    files = {"model.py": Path(__file__).with_name("model.py").read_bytes(), "model.onnx": onnx}
    return files | ({"faults.json": json.dumps(faults).encode()} if faults else {})


def to_onnx(
    model: object,
    name: str,
    inputs: list[tuple[str, Any]],
    *,
    outputs: list[tuple[str, Any]] | None = None,
    options: dict[str, Any] | None = None,
) -> bytes:
    with warnings.catch_warnings():
        # skl2onnx reads attributes of SVC that scikit-learn is about to drop.
        warnings.simplefilter("ignore", FutureWarning)
        converted = convert_sklearn(
            model, name, inputs, final_types=outputs, options=options, target_opset=OPSET
        )
    # skl2onnx takes these from a set: without an order the same model has two digests
    imports = sorted(converted.opset_import, key=lambda opset: opset.domain)
    del converted.opset_import[:]
    converted.opset_import.extend(imports)
    return bytes(converted.SerializeToString(deterministic=True))
