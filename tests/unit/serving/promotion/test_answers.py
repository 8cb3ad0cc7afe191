"""Golden samples to both arms: over HTTP and gRPC, from servers that answer as they are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from serving.promotion.answers import MOST_SAMPLES, Asked, Questions
from serving.promotion.ground import Endpoint
from serving.promotion.measurement import Answers
from tests.kserve import Double, Refuses, Tensors, labels, serving
from tests.unit.serving.contract.contracts import DIGITS, sound, with_change

CONTRACT = sound(DIGITS)
TWO = sound(
    with_change(
        DIGITS,
        "        - {inputs: {pixels: [0, 1, 2, 3.5]}, outputs: {label: [3]}}\n",
        "        - {inputs: {pixels: [0, 1, 2, 3.5]}, outputs: {label: [3]}}\n"
        "        - {inputs: {pixels: [1, 1, 2, 3.5]}, outputs: {label: [3]}}\n",
    )
)
DEADLINE = 2.0


@pytest.fixture
def canary() -> Iterator[Double]:
    with serving(labels(3)) as double:
        yield double


@pytest.fixture
def stable() -> Iterator[Double]:
    with serving(labels(3), "digits-1-1") as double:
        yield double


def questions(canary: Double, stable: Double, deadline: float = DEADLINE) -> Questions:
    servers = {2: [canary.endpoint], 1: [stable.endpoint]}
    return Questions(CONTRACT, (2, 1), servers.__getitem__, CONTRACT, deadline)


def answers(asked: Asked) -> Answers:
    assert asked.answers is not None
    return asked.answers


def test_right_answers_are_counted_over_each_protocol_in_turn(
    canary: Double, stable: Double
) -> None:
    questioning = questions(canary, stable)
    for _ in range(2):
        asked = questioning.ask()
        assert answers(asked) == Answers(asked=1)
        assert asked.past_gateway == {"canary": 1, "stable": 2}
    assert canary.asked == ["http digits 2", "grpc digits 2"]
    assert stable.asked == ["http digits 1"] * 2 + ["grpc digits 1"] * 2


def test_a_wrong_answer_of_the_canary_alone_is_told_with_what_was_expected(
    canary: Double, stable: Double
) -> None:
    canary.answer = labels(4)
    assert answers(questions(canary, stable).ask()) == Answers(
        asked=1,
        canary_wrong=1,
        only_canary_wrong=1,
        differ=1,
        example="digits sample 1 over http: label[0]: got 4, expected 3",
    )


def test_a_stable_version_that_differs_from_itself_is_noise(canary: Double, stable: Double) -> None:
    stable.answer = labels(3, 4)
    assert answers(questions(canary, stable).ask()) == Answers(asked=1, noise=1)


def nothing(inputs: Tensors) -> Tensors:
    return {"label": np.array([[np.nan]], np.float64)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"body": b'{"error": "out of memory"}'}, "malformed answer: KeyError"),
        ({"body": b"<html>"}, "malformed answer: JSONDecodeError"),
        ({"answer": lambda inputs: {"label": np.array([[3, 3]])}}, "label: got shape [1, 2]"),
        ({"answer": nothing}, "label: got type float64, expected INT64"),
        ({"answer": lambda inputs: {"other": np.array([[3]])}}, "label: no such tensor"),
    ],
)
def test_what_no_answer_may_be_is_malformed(
    canary: Double, stable: Double, change: dict[str, object], said: str
) -> None:
    for name, value in change.items():
        setattr(canary, name, value)
    found = answers(questions(canary, stable).ask())
    assert (found.malformed, found.canary_wrong) == (1, 1)
    assert said in found.example


def refusing(inputs: Tensors) -> Tensors:
    raise Refuses("the backend is gone")


def test_an_error_is_wrong_but_not_malformed_on_both_protocols(
    canary: Double, stable: Double
) -> None:
    canary.answer = refusing
    questioning = questions(canary, stable)
    for protocol in ("http", "grpc"):
        found = answers(questioning.ask())
        assert (found.malformed, found.canary_wrong, found.differ) == (0, 1, 0)
        assert found.example == f"digits sample 1 over {protocol}: the backend is gone"


def test_who_hangs_is_wrong_after_the_deadline_and_is_not_asked_on(
    canary: Double, stable: Double
) -> None:
    canary.delay = 0.4
    servers = {2: [canary.endpoint], 1: [stable.endpoint]}
    found = Questions(TWO, (2, 1), servers.__getitem__, TWO, 0.1).ask()
    assert (answers(found).asked, answers(found).canary_wrong) == (1, 1)
    assert found.past_gateway["canary"] == 1


def test_a_server_that_is_gone_is_wrong(canary: Double, stable: Double) -> None:
    gone = replace(canary.endpoint, http="127.0.0.1:9", grpc="127.0.0.1:9")
    servers = {2: [gone], 1: [stable.endpoint]}
    questioning = Questions(CONTRACT, (2, 1), servers.__getitem__, CONTRACT, DEADLINE)
    assert [answers(questioning.ask()).canary_wrong for _ in range(2)] == [1, 1]


def test_stable_is_not_asked_what_it_never_promised(canary: Double, stable: Double) -> None:
    older = sound(with_change(DIGITS, "shape: [4]", "shape: [-1]"))
    servers = {2: [canary.endpoint], 1: [stable.endpoint]}
    found = Questions(CONTRACT, (2, 1), servers.__getitem__, older, DEADLINE).ask()
    assert answers(found) == Answers(asked=1)
    assert stable.asked == []


def test_without_samples_or_servers_nothing_is_asked(canary: Double) -> None:
    def none(version: int) -> list[Endpoint]:
        return []

    assert Questions(CONTRACT, (2, None), none, None, DEADLINE).ask().answers is None
    runtime = CONTRACT.runtime.model_copy(update={"models": {}})
    silent = CONTRACT.model_copy(update={"runtime": runtime})
    servers = {2: [canary.endpoint]}
    assert Questions(silent, (2, None), servers.__getitem__, None, DEADLINE).ask().answers is None


def test_a_large_set_is_gone_through_in_turns(canary: Double) -> None:
    model = CONTRACT.runtime.models["digits"]  # type: ignore[union-attr]
    many = tuple(
        each.model_copy(update={"inputs": {"pixels": [float(i), 0.0, 0.0, 0.0]}})
        for i in range(30)
        for each in model.golden
    )
    seen: list[float] = []

    def answer(inputs: Tensors) -> Tensors:
        seen.append(float(inputs["pixels"][0][0]))
        return {"label": np.array([[3]])}

    canary.answer = answer
    runtime = CONTRACT.runtime.model_copy(
        update={"models": {"digits": model.model_copy(update={"golden": many})}}
    )
    contract = CONTRACT.model_copy(update={"runtime": runtime})
    questioning = Questions(contract, (2, None), {2: [canary.endpoint]}.__getitem__, None, DEADLINE)
    assert answers(questioning.ask()).asked == MOST_SAMPLES
    questioning.ask()
    assert set(seen) == set(map(float, range(30)))
