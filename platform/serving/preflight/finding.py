"""What a check found: that all is well, what is wrong, or that nobody could say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105  no password
    FAIL = "fail"
    UNKNOWN = "unknown"
    """No permission, no answer, or one that cannot be read: neither well nor wrong."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    about: str
    outcome: Outcome
    said: str
    do: str | None = None


def passed(about: str, said: str, do: str | None = None) -> Finding:
    return Finding(about=about, outcome=Outcome.PASS, said=said, do=do)


def failed(about: str, said: str, do: str) -> Finding:
    return Finding(about=about, outcome=Outcome.FAIL, said=said, do=do)


def unknown(about: str, said: str, do: str) -> Finding:
    return Finding(about=about, outcome=Outcome.UNKNOWN, said=said, do=do)
