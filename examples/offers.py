"""Offers of a shop: ranks what one visitor may see; visits are drawn from a known taste."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import ndcg_score

from examples.artifact import Example, Samples, Version, python_model, to_onnx

FEATURES = (
    "discount", "price_to_usual", "category_affinity", "popularity", "rating", "days_since_seen",
)  # fmt: skip
OFFERS_PER_VISIT = 12


@cache
def data() -> tuple[Samples, Samples]:
    """800 visits to learn from and 200 held out, each with 12 offers and what was clicked."""
    random = np.random.default_rng(20)
    offers = random.random((1000 * OFFERS_PER_VISIT, len(FEATURES))).round(2).astype(np.float32)
    discount, price, affinity, popularity, rating, days = offers.T
    taste = 3 * affinity + 2 * discount * (price > 0.5) + popularity + rating**2 - 1.5 * days
    clicked = random.random(len(offers)) < 1 / (1 + np.exp(6 - 2 * taste))
    cut = 800 * OFFERS_PER_VISIT
    return (
        {"features": offers[:cut], "clicked": clicked[:cut].astype(np.int64)},
        {"features": offers[cut:], "clicked": clicked[cut:].astype(np.int64)},
    )


@cache
def example() -> Example:
    train, held_out = data()
    ranker = GradientBoostingRegressor(n_estimators=60, max_depth=3, random_state=0)
    ranker.fit(train["features"], train["clicked"])
    ranked = ndcg(held_out, ranker.predict(held_out["features"]))
    popular = ndcg(held_out, held_out["features"][:, FEATURES.index("popularity")])
    score = f"NDCG@5 {ranked:.3f} of 200 held-out visits; by popularity alone {popular:.3f}"
    inputs = [("features", FloatTensorType([None, len(FEATURES)]))]
    outputs = [("score", FloatTensorType([None, 1]))]
    onnx = to_onnx(ranker, "offers", inputs, outputs=outputs)
    version = Version(files=python_model(onnx), about="boosted trees", score=score)
    return Example(versions={1: version}, held_out=held_out)


def ndcg(visits: Samples, scores: NDArray[Any]) -> float:
    shape = (-1, OFFERS_PER_VISIT)
    clicked = visits["clicked"].reshape(shape)
    some = clicked.any(axis=1)
    return float(ndcg_score(clicked[some], scores.reshape(shape)[some], k=5))
