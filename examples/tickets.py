"""Support tickets: a text model that finds the queue, learnt from noisy phrases made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Final

import numpy as np
from skl2onnx.common.data_types import StringTensorType
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from examples.artifact import Example, Samples, Version, python_model, to_onnx

COMPLAINTS: Final[Mapping[str, Sequence[str]]] = {
    "access": (
        "I cannot log in to my {thing}", "the reset mail for my password never comes",
        "my {thing} is locked after {count} tries", "the second factor code is refused",
        "it says my {thing} does not exist", "how do I change the mail address of my {thing}",
    ),
    "billing": (
        "my card was charged {count} times", "the invoice for my {thing} is wrong",
        "I was billed after I cancelled my {thing}", "the refund has not reached my bank",
        "the price of my {thing} went up without notice", "my card is refused at the checkout",
    ),
    "delivery": (
        "my parcel is {count} days late", "the tracking number of my {thing} is unknown",
        "the courier left my {thing} at a wrong address", "only a part of my {thing} arrived",
        "please send my {thing} to another address", "the parcel with my {thing} came open",
    ),
    "returns": (
        "I want to send my {thing} back", "the {thing} does not fit and I need a return label",
        "my {thing} came broken and I want a new one", "you got my {thing} back {count} weeks ago",
        "how many days do I have to return my {thing}", "the exchange for my {thing} is missing",
    ),
    "technical": (
        "the app crashes when I open my {thing}", "the page with my {thing} stays blank",
        "I get error {count} when I save my {thing}", "the search finds nothing any more",
        "my {thing} does not load on my phone", "since the update everything is slow",
    ),
}  # fmt: skip
THINGS: Final = (
    "account", "order", "subscription", "profile", "basket", "voucher", "shoes", "lamp", "jacket",
)  # fmt: skip
OPENINGS: Final = ("Hello,", "Hi there,", "Good morning,", "Please help:", "", "Again:", "Urgent!")
CLOSINGS: Final = ("Thank you.", "Please call me.", "This is the second mail.", "", "Regards", "")

WORD = "[a-z0-9']+"

MIXED = 0.15
"""Share of tickets that mention a second matter, of any queue."""
MISFILED = 0.02
"""Share of tickets that people put into a wrong queue."""


@cache
def data() -> tuple[Samples, Samples]:
    """2400 tickets to learn from and 600 held out."""
    random = Random(7)  # noqa: S311  # a corpus, not a secret
    tickets = dict(_ticket(random) for _ in range(3500))  # no text twice, or it is not held out
    texts, queues = np.array(list(tickets)[:3000]), np.array(list(tickets.values())[:3000])
    return (
        {"text": texts[:2400], "label": queues[:2400]},
        {"text": texts[2400:], "label": queues[2400:]},
    )


@cache
def example() -> Example:
    train, held_out = data()
    words = TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), sublinear_tf=True)
    classifier = make_pipeline(words, LogisticRegression(C=10, max_iter=500))
    classifier.fit(train["text"], train["label"])
    accuracy = classifier.score(held_out["text"], held_out["label"])
    # The default locale, en_US.UTF-8, is missing from slim images: there it would not load.
    options = {"zipmap": False, "tfidfvectorizer__locale": "C"}
    inputs = [("text", StringTensorType([None, 1]))]
    version = Version(
        files=python_model(to_onnx(classifier, "tickets", inputs, options=options)),
        about="words and word pairs",
        score=f"accuracy {accuracy:.1%} of {len(held_out['text'])} held-out tickets",
    )
    return Example(versions={1: version}, held_out=held_out)


def _ticket(random: Random) -> tuple[str, str]:
    queue = random.choice(sorted(COMPLAINTS))
    sentences = [random.choice(OPENINGS), _complaint(random, queue) + "."]
    if random.random() < MIXED:
        sentences.append(f"Also, {_complaint(random, random.choice(sorted(COMPLAINTS)))}.")
    sentences.append(random.choice(CLOSINGS))
    text = _mistyped(random, " ".join(part for part in sentences if part))
    return text, random.choice(sorted(COMPLAINTS)) if random.random() < MISFILED else queue


def _complaint(random: Random, queue: str) -> str:
    phrase = random.choice(COMPLAINTS[queue])
    return phrase.format(thing=random.choice(THINGS), count=random.randint(2, 9))


def _mistyped(random: Random, text: str) -> str:
    """Two neighbours swapped, in half of the tickets."""
    place = random.randrange(len(text) - 1)
    if random.random() < 0.5:
        return text
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
