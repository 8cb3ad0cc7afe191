"""Breast biopsies: a tabular risk model over the 30 measurements of scikit-learn's cancer data."""

from __future__ import annotations

from functools import cache

import numpy as np
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from examples.artifact import Example, Samples, Version, python_model, to_onnx


@cache
def data() -> tuple[Samples, Samples]:
    """398 biopsies to learn from and 171 held out; label 1 is malignant."""
    measurements, benign = load_breast_cancer(return_X_y=True)
    measurements, malignant = measurements.astype(np.float32), 1 - benign
    parts = train_test_split(
        measurements, malignant, test_size=0.3, random_state=0, stratify=malignant
    )
    return (
        {"measurements": parts[0], "label": parts[2]},
        {"measurements": parts[1], "label": parts[3]},
    )


@cache
def example() -> Example:
    train, held_out = data()
    classifier = make_pipeline(StandardScaler(), LogisticRegression())
    classifier.fit(train["measurements"], train["label"])
    labels, truth = classifier.predict(held_out["measurements"]), held_out["label"]
    score = (
        f"accuracy {np.mean(labels == truth):.1%}, finds {np.mean(labels[truth == 1]):.1%} of the "
        f"malignant, of {len(labels)} held-out biopsies"
    )
    shape = FloatTensorType([None, 30])
    onnx = to_onnx(classifier, "biopsy", [("measurements", shape)], options={"zipmap": False})
    version = Version(files=python_model(onnx), about="logistic regression", score=score)
    return Example(versions={1: version}, held_out=held_out)
