"""A mail room: one process reads the digit on a form and finds the queue for its text."""

from __future__ import annotations

from functools import cache

from examples import digits, tickets
from examples.artifact import Example, Version


@cache
def example() -> Example:
    images, texts = digits.example(), tickets.example()
    return Example(
        versions={
            number: _together(images.versions[number], texts.versions[1]) for number in (1, 2)
        }
    )


def _together(image: Version, text: Version) -> Version:
    parts = {"mailroom-image": image, "mailroom-text": text}
    return Version(
        files={
            f"{model}/{path}": content
            for model, version in parts.items()
            for path, content in version.files.items()
        },
        about=f"{image.about}; {text.about}",
        score=f"{image.score}; {text.score}",
    )
