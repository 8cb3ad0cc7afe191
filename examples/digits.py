"""Handwritten digits: an image classifier in six versions; only the second deserves promotion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skl2onnx.common.data_types import FloatTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from examples.artifact import Example, Samples, Version, python_model, to_onnx


@cache
def data() -> tuple[Samples, Samples]:
    """1257 images to learn from and 540 held out; every class has the same share of both."""
    images, labels = load_digits(return_X_y=True)
    images = images.astype(np.float32).reshape(-1, 8, 8)
    parts = train_test_split(images, labels, test_size=0.3, random_state=0, stratify=labels)
    return {"image": parts[0], "label": parts[2]}, {"image": parts[1], "label": parts[3]}


@cache
def example() -> Example:
    good = _train(make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=500)))
    better = _train(CalibratedClassifierCV(SVC(gamma=0.001), ensemble=False))
    return Example(
        versions={
            1: good.version("logistic regression"),
            2: better.version("support vectors"),
            3: better.version("version 2, 300 ms slower", {"delay_ms": 300}),
            4: better.version("version 2, fails 10 % of requests", {"failing_share": 0.1}),
            5: better.version("version 2, every label one too high", {"label_shift": 1}),
            6: better.cut_short("version 2, half of its weights missing"),
        },
        held_out=data()[1],
    )


@dataclass(frozen=True)
class _Trained:
    onnx: bytes
    labels: NDArray[np.int64]
    """Of the held-out images, as it sees them."""

    def version(self, about: str, faults: Mapping[str, float] | None = None) -> Version:
        _, held_out = data()
        labels = (self.labels + (faults or {}).get("label_shift", 0)) % 10
        accuracy = np.mean(labels == held_out["label"])
        score = f"accuracy {accuracy:.1%} of {len(labels)} held-out images"
        return Version(files=python_model(self.onnx, faults), about=about, score=score)

    def cut_short(self, about: str) -> Version:
        half = self.onnx[: len(self.onnx) // 2]
        return Version(files=python_model(half), about=about, score="does not load")


def _train(classifier: Any) -> _Trained:
    train, held_out = data()
    classifier.fit(train["image"].reshape(-1, 64), train["label"])
    inputs = [("image", FloatTensorType([None, 64]))]
    return _Trained(
        onnx=to_onnx(classifier, "digits", inputs, options={"zipmap": False}),
        labels=classifier.predict(held_out["image"].reshape(-1, 64)),
    )
