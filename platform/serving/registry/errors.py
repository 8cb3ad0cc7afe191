"""Why an artifact is not taken, and what went wrong with a store."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from serving.contract.repository import FileProblem, shown
from serving.errors import ServingError

_SHOWN: Final = 20

_ADVICE: Final = {
    errno.ENOSPC: "free some space there, then try again",
    errno.EDQUOT: "free some space there, then try again",
    errno.EACCES: "get the permission, then try again",
    errno.EROFS: "name a place that can be written to",
}


class StoreError(ServingError):
    """A store or a source could not do what was asked of it."""


class Refused(ServingError):
    """Files that are not what they have to be, each by its name."""

    exit_code: ClassVar[int] = 2

    def __init__(self, where: str, problems: Iterable[FileProblem], do: str) -> None:
        self.problems = tuple(sorted(set(problems)))
        lines = [f"  {problem}" for problem in self.problems[:_SHOWN]]
        more = len(self.problems) - _SHOWN
        lines += [f"  and {more} more"] if more > 0 else []
        super().__init__("\n".join([f"{shown(where)} is refused:", *lines, f"what to do: {do}"]))


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Turns the system's errors into one that says what could not be done."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        advice = f"; {_ADVICE[error.errno]}" if error.errno in _ADVICE else ""
        raise StoreError(f"{shown(what)}: {reason}{advice}") from error
