"""How an answer in free text is tested before users get it: another model grades it."""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple

from pydantic import Field, StringConstraints

from serving.contract.fields import Section, TensorName, Text, TritonName, Url
from serving.contract.runtime import TritonRuntime

WORST: Final = 1
BEST: Final = 5

Passage = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class Question(Section):
    ask: Passage
    """Sent to the version as it is."""
    reference: Passage
    """What a right answer says; the judge sees it, the version does not."""


class Evaluation(Section):
    judge: Url
    """A server of OpenAI's chat completions, such as `http://judge-vllm.judges:8000/v1`; the
    promotion must reach it."""
    model: Text
    """What the judge is asked for by; another model than the one it grades."""
    questions: Annotated[tuple[Question, ...], Field(min_length=1, max_length=500)]
    """All are asked, spread over the version's servers."""
    least_grade: Annotated[float, Field(ge=WORST, le=BEST)] = 4.0
    """That the answers must get on average, from 1 (wrong) to 5 (right and complete)."""
    grade_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    """The judge may take so long for one grade. No gate counts it."""


class TextModel(NamedTuple):
    """A model of Triton that takes one text and answers with one."""

    name: TritonName
    question: TensorName
    answer: TensorName


def text_model(runtime: TritonRuntime) -> TextModel | None:
    """The one that callers reach; None where there is none, or more than one."""
    found = [each for name in runtime.reached if (each := _text_model(runtime, name)) is not None]
    return found[0] if len(found) == 1 else None


def _text_model(runtime: TritonRuntime, name: str) -> TextModel | None:
    model = runtime.models[name]
    texts = [
        [tensor for tensor, each in side.items() if each.type == "BYTES" and each.shape == (1,)]
        for side in (model.inputs, model.outputs)
    ]
    if [len(model.inputs), *map(len, texts)] != [1, 1, 1]:
        return None
    return TextModel(name, texts[0][0], texts[1][0])
