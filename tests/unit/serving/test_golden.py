"""Where an answer leaves what its golden request promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from serving.contract.runtime import Golden, TritonModel
from serving.golden import Difference, differ, differences, inputs_of, malformed


def model(**outputs: dict[str, object]) -> TritonModel:
    return TritonModel.model_validate(
        {
            "backend": "python",
            "inputs": {"x": {"type": "FP32", "shape": (1,)}},
            "outputs": outputs,
            "memory": {"weights": "1Mi", "per_sample": "1Ki"},
        }
    )


def golden(tolerance: float = 0.0, **outputs: Any) -> Golden:
    return Golden(inputs={"x": [0.0]}, outputs=outputs, tolerance=tolerance)


LABEL = {"type": "INT64", "shape": (1,)}
SCORES = {"type": "FP32", "shape": (2, 2)}
QUEUE = {"type": "BYTES", "shape": (1,)}


def test_a_right_answer_has_no_difference() -> None:
    answer = {
        "label": np.array([[3]]),
        "queue": np.array([["café".encode()]], dtype=object),
        "other": np.array([[1]]),
    }
    promised = golden(label=[3], queue=["café"])
    assert not list(differences(model(label=LABEL, queue=QUEUE), promised, answer))


def test_a_wrong_number_is_named_by_tensor_index_got_and_expected() -> None:
    answer = {"scores": np.array([[[0.1, 0.2], [0.3, 0.5]]], dtype=np.float32)}
    (found,) = differences(
        model(scores=SCORES), golden(0.05, scores=[[0.1, 0.2], [0.3, 0.4]]), answer
    )
    assert (found.tensor, found.index, found.got) == ("scores", (1, 1), 0.5)
    assert found.expected == pytest.approx(0.4)
    assert str(found).startswith("scores[1, 1]: got 0.5, expected 0.4")


def test_a_wrong_text_is_shown_as_text() -> None:
    answer = {"queue": np.array([[b"billing"]], dtype=object)}
    (found,) = differences(model(queue=QUEUE), golden(queue=["access"]), answer)
    assert str(found) == "queue[0]: got billing, expected access"


def test_a_missing_tensor_and_another_shape_are_differences() -> None:
    promised = golden(label=[3])
    assert [str(d) for d in differences(model(label=LABEL), promised, {})] == [
        "label: got no such tensor, expected shape [1, 1]"
    ]
    answer = {"label": np.array([[3, 3]])}
    assert [str(d) for d in differences(model(label=LABEL), promised, answer)] == [
        "label: got shape [1, 2], expected shape [1, 1]"
    ]


def test_not_a_number_is_never_right() -> None:
    answer = {"scores": np.full((1, 2, 2), np.nan, dtype=np.float32)}
    promised = golden(1e30, scores=[[0.0, 0.0], [0.0, 0.0]])
    assert len(list(differences(model(scores=SCORES), promised, answer))) == 4


def test_a_value_that_single_precision_rounds_is_still_equal() -> None:
    answer = {"scores": np.array([[[0.1, 0.2], [0.3, 0.7]]], dtype=np.float32)}
    promised = golden(scores=[[0.1, 0.2], [0.3, 0.7]])
    assert not list(differences(model(scores=SCORES), promised, answer))


@given(
    expected=st.floats(-1e6, 1e6, width=32),
    error=st.floats(-10, 10, width=32),
    tolerance=st.floats(0, 10, width=32),
)
def test_the_tolerance_is_the_largest_absolute_difference(
    expected: float, error: float, tolerance: float
) -> None:
    answer = {"score": np.array([[expected + error]], dtype=np.float64)}
    outputs = model(score={"type": "FP64", "shape": (1,)})
    found = list(differences(outputs, golden(tolerance, score=[expected]), answer))
    assert bool(found) == (abs(answer["score"][0, 0] - expected) > tolerance)


def test_a_model_without_batches_is_compared_as_it_answers() -> None:
    unbatched = model(label=LABEL).model_copy(update={"max_batch_size": 0})
    (found,) = differences(unbatched, golden(label=[3]), {"label": np.array([4])})
    assert found == Difference(tensor="label", index=(0,), got=4, expected=3)


def test_what_is_sent_is_a_batch_of_one_in_the_tensors_type() -> None:
    sent = inputs_of(model(label=LABEL), golden(label=[3]))["x"]
    assert (sent.shape, sent.dtype) == ((1, 1), np.float32)


RIGHT: dict[str, NDArray[Any]] = {"label": np.array([[3]])}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RIGHT, ""),
        ({}, "label: no such tensor"),
        ({"label": np.array([3])}, "label: got shape [1], expected [1, 1]"),
        ({"label": np.array([[3, 4]])}, "label: got shape [1, 2], expected [1, 1]"),
        ({"label": np.array([[3.0]])}, "label: got type float64, expected INT64"),
    ],
)
def test_an_answer_of_another_shape_or_type_is_malformed(
    answer: dict[str, NDArray[Any]], said: str
) -> None:
    assert malformed(model(label=LABEL), answer).startswith(said)
    assert bool(malformed(model(label=LABEL), answer)) == bool(said)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_without_a_number_is_malformed(value: float) -> None:
    answer = {"score": np.array([[value]])}
    scored = model(score={"type": "FP64", "shape": (-1,)})
    assert malformed(scored, answer) == "score: got NaN or infinity"
    assert malformed(scored, {"score": np.array([[1.0, 2.0]])}) == ""


def test_two_answers_differ_in_what_was_promised_and_in_nothing_else() -> None:
    promised = golden(0.1, score=[0.0])
    one = {"score": np.array([[0.5]]), "other": np.array([[1]])}
    assert not differ(promised, one, {"score": np.array([[0.55]]), "other": np.array([[2]])})
    assert differ(promised, one, {"score": np.array([[0.7]])})
    assert differ(promised, one, {})
    assert not differ(golden(text=["a"]), {"text": np.array([["a"]])}, {"text": np.array([["a"]])})
