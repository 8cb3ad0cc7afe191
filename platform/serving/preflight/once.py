"""A question that several checks have, put once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Whoever asks while the answer is on its way waits for it. An error is an answer too."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._asking = threading.Lock()
        self._answer: T
        self._error: Exception | None = None
        self._asked = False

    def __call__(self) -> T:
        with self._asking:
            if not self._asked:
                self._asked = True
                try:
                    self._answer = self._ask()
                except Exception as error:
                    self._error = error
        if self._error is not None:
            raise self._error
        return self._answer
