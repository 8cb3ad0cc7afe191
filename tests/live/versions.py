"""Versions on a real server: of the examples, and of a toy that counts and sleeps."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from serving.contract.check import load
from serving.contract.model import ModelContract
from serving.contract.runtime import TritonRuntime
from serving.contract.triton_config import server_args
from serving.registry.validate import staged
from serving.triton import Server, running

MODELS = Path(__file__).parents[2] / "platform" / "models"
TOY = Path(__file__).with_name("toy_model.py").read_text()
ONE = {"x": np.zeros((1, 1), dtype=np.float32)}


def example(name: str) -> ModelContract:
    return load(MODELS / f"{name}.yaml")


def toy(*, sleep_ms: int = 0, load_ms: int = 0, budget: int = 60, **model: Any) -> ModelContract:
    """Its answer, `executions`, says how often it has run; golden requests count too."""
    described = {
        "backend": "python",
        "inputs": {"x": {"type": "FP32", "shape": [1]}},
        "outputs": {"executions": {"type": "INT64", "shape": [1]}},
        "memory": {"weights": "64Mi", "per_sample": "1Ki"},
        "parameters": {"sleep_ms": f"{sleep_ms}", "load_ms": f"{load_ms}"},
        **model,
    }
    document = {
        "name": "toy",
        "tenant": "tests",
        "description": "Sleeps and counts",
        "runtime": {
            "engine": "triton",
            "image": "example.org/toy:1",
            "models": {"toy": described},
        },
        "resources": {"accelerator": "cpu", "cpu": 1, "memory": "1Gi"},
        "health": {"startup_seconds": budget},
        "slo": {"p50_ms": 50, "p99_ms": 250},
    }
    return ModelContract.model_validate_json(json.dumps(document))


@contextmanager
def served(contract: ModelContract, source: Path, version: int = 1) -> Iterator[Server]:
    assert isinstance(contract.runtime, TritonRuntime)
    flags = server_args(contract, version)
    models = list(contract.runtime.models)
    with (
        staged(contract, version, source) as folder,
        running(folder, models, version, options=flags) as server,
    ):
        yield server


@contextmanager
def served_toy(**model: Any) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as source:
        (Path(source) / "model.py").write_text(TOY)
        with served(toy(**model), Path(source)) as server:
            yield server
