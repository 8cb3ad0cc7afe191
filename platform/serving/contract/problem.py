"""One thing wrong with a document: where, what, what was there, what belongs there, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from serving.errors import InputError

JsonPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file; both figures count from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with one field: where, what, what was there, what belongs there."""

    file: str
    position: Position
    field: str
    what: str
    got: str | None = None
    expected: str | None = None
    do: str | None = None

    def __str__(self) -> str:
        said = [
            f"{self.file}:{self.position.line}:{self.position.column}: {self.field}: {self.what}"
        ]
        said += [f"got {self.got}"] if self.got is not None else []
        said += [f"expected {self.expected}"] if self.expected is not None else []
        said += [f"do: {self.do}"] if self.do is not None else []
        return ", ".join(said)


class DocumentError(InputError):
    """Everything that is wrong with one document, in the order of its lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.position)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(path: JsonPath) -> str:
    """`("steps", 2)` as `steps[2]`; the document itself as `(document)`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "(document)"


def show(value: object) -> str:
    """A value as it is shown in a problem: short, on one line."""
    text = repr(value) if isinstance(value, str) else f"{value}"
    text = " ".join(text.split())
    if isinstance(value, Mapping):
        text = "a mapping" if value else "an empty mapping"
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(text) > 60:
        text = f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    return text if len(text) <= 60 else text[:57] + "…"
