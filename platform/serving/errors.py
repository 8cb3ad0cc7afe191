"""What the command line shows a person: one message, one exit code."""

from __future__ import annotations

from typing import ClassVar


class ServingError(Exception):
    """Something a person can act on: what is wrong, where, what was expected, what to do."""

    exit_code: ClassVar[int] = 1


class InputError(ServingError):
    """The input is wrong; nothing was changed."""

    exit_code: ClassVar[int] = 2
