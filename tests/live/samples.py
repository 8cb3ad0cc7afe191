"""What no example has learnt from, and what a server says to it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.triton import Server

MODULES = {"mailroom-image": "digits", "mailroom-text": "tickets"}


def learnt_from(model: str) -> dict[str, NDArray[Any]]:
    return data(model)[0]


def held_out(model: str) -> dict[str, NDArray[Any]]:
    return data(model)[1]


def data(model: str) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    module = import_module(f"examples.{MODULES.get(model, model)}")
    return module.data()


def ask(server: Server, model: str, output: str, version: int = 1) -> NDArray[Any]:
    """The answers to all held-out samples, in batches of eight."""
    tensor, samples = next(iter(held_out(model).items()))
    if samples.dtype.kind == "U":
        samples = samples.astype(object)[:, np.newaxis]
    batches = np.array_split(samples, -(-len(samples) // 8))
    found = [server.infer(model, version, {tensor: batch})[output] for batch in batches]
    return np.concatenate(found)[:, 0]


def accuracy(server: Server, model: str, version: int = 1) -> float:
    truth = held_out(model)["label"]
    labels = ask(server, model, "label", version).astype(truth.dtype)
    return float(np.mean(labels == truth))
