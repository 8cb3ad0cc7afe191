"""What a journal says, one record a line; each line carries the hash of the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias, get_args

from pydantic import TypeAdapter, ValidationError

from serving.contract.model import ModelContract
from serving.errors import InputError
from serving.promotion.decision import Decision, Facts, State
from serving.promotion.gate import Rules
from serving.promotion.judge import Judgement
from serving.promotion.measurement import Window
from serving.promotion.steps import Plan
from serving.promotion.tally import Tally

FORMAT: Final = 1
GENESIS: Final = "0" * 64
"""What the first line carries in place of a hash."""
DIGITS: Final = 6
"""Of evidence, after the point: another machine's logarithm may differ in the sixteenth."""

Outcome: TypeAlias = Literal[
    "promoted", "rolled back", "rollback failed", "held", "asks", "interrupted"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """All that replay needs besides the windows, and who is to be asked about it."""

    version: int
    stable: int | None
    """The version it is compared with; None for a first release."""
    contract: ModelContract
    plan: Plan
    rules: Rules
    engine: str
    """The code that decides."""
    config: str
    """Digest of the stack's configuration."""
    who: str
    commit: str
    queries: Mapping[str, str] = field(default_factory=dict)
    """What is asked of the metrics store, by what it measures."""

    @property
    def model(self) -> str:
        return self.contract.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    engine: str
    who: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """A person's decision that a rule does not hold for this promotion."""

    what: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    window: Window
    tally: Tally | None = None
    """What observing remembers from it; None where nothing has to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    decision: Decision
    state: State
    """As it was decided on."""
    judgement: Judgement
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Written before an effect, so that a restart knows what may have happened."""

    action: str
    weight: int | None = None
    """That the effect brings into force; None where it leaves the weight alone."""
    fence: int
    """Of the lease that was held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What became of the last intent, as read back from the data plane."""

    confirmed: bool
    detail: str = ""
    unfit: bool = False
    """It failed by the version's own fault: to try again would end the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """An event that its receiver did not take; nothing waits for it."""

    to: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Nothing more happens, unless somebody resumes."""

    outcome: Outcome
    weight: int
    reason: str


Body: TypeAlias = (
    Started | Resumed | Waived | Observed | Decided | Intent | Effect | Undelivered | Ended
)
_ADAPTERS: Final[Mapping[str, TypeAdapter[Body]]] = {
    body.__name__.lower(): TypeAdapter(body) for body in get_args(Body)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    number: int
    """From 1; also the number of the line."""
    at: str
    """UTC, by the clock of the machine that wrote it."""
    body: Body
    hash: str

    @property
    def kind(self) -> str:
        return type(self.body).__name__.lower()


class JournalError(InputError):
    def __init__(self, where: str, line: int, what: str, do: str) -> None:
        self.line = line
        super().__init__(f"{where}: line {line} {what}; {do}")


class TornLine(JournalError):
    """The last line was being written when its writer died: nothing was done in its name."""

    def __init__(self, where: str, line: int) -> None:
        do = "all before it is sound, and resuming the promotion sets the torn line aside"
        super().__init__(where, line, "is the last one and torn", do)


def canonical(value: object) -> str:
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )
    return text.encode(errors="replace").decode()  # what other programs say need not be Unicode


def encoded(body: Body) -> str:
    """Canonical JSON. Facts and findings leave out what is not known or has nothing to say."""
    document: dict[str, Any] = _ADAPTERS[type(body).__name__.lower()].dump_python(body, mode="json")
    if isinstance(body, Decided):
        document["facts"] = _said(body.facts)
        # what is unmet stands in the window already
        document["judgement"] = _said(replace(_rounded(body.judgement), unmet=()))
    return canonical(document)


def line_of(number: int, at: str, body: Body, previous: str) -> tuple[bytes, str]:
    """The line and its hash."""
    frame = {"at": at, "format": FORMAT, "kind": type(body).__name__.lower(), "number": number}
    text = f'{canonical(frame)[:-1]},"previous":"{previous}","body":{encoded(body)}'
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{text},"hash":"{digest}"}}\n'.encode(), digest


_BODY: Final = b',"body":'
_END: Final = len(',"hash":""}') + 64
_COPY: Final = "restore the journal from a copy"
_NEWER: Final = "use a newer release of serving"


def record_of(line: bytes, where: str, number: int, previous: str) -> Record:
    """Raises JournalError unless this very line follows the one whose hash is `previous`."""
    text = line.removesuffix(b"\n")
    frame = _frame(text)
    if frame is None:
        raise JournalError(where, number, "is damaged: it is not a record", _COPY)
    form, kind = frame.get("format"), str(frame.get("kind"))
    if isinstance(form, int) and form > FORMAT:
        raise JournalError(where, number, f"has format {form}, newer than {FORMAT}", _NEWER)
    digest = hashlib.sha256(text[:-_END]).hexdigest()
    if text[-_END:] != f',"hash":"{digest}"}}'.encode():
        raise JournalError(where, number, "is damaged: its hash is another", _COPY)
    if (frame.get("number"), frame.get("previous")) != (number, previous):
        what = "does not follow the line before it: lines were moved, removed or added"
        raise JournalError(where, number, what, _COPY)
    if kind not in _ADAPTERS:
        raise JournalError(where, number, f"is of an unknown kind, {kind}", _NEWER)
    try:
        body = _ADAPTERS[kind].validate_json(text[text.index(_BODY) + len(_BODY) : -_END])
    except ValidationError as error:
        first = error.errors()[0]
        what = f"does not read as {kind}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise JournalError(where, number, what, _COPY) from None
    return Record(number=number, at=str(frame.get("at")), body=body, hash=digest)


def _frame(text: bytes) -> dict[str, Any] | None:
    """What stands around the body."""
    head, found, _ = text.partition(_BODY)
    try:
        frame = json.loads(head + b"}")
    except (ValueError, RecursionError):
        return None
    return frame if found and isinstance(frame, dict) else None


_FACTS: Final = TypeAdapter(Facts)
_JUDGEMENT: Final = TypeAdapter(Judgement)


def _said(value: Facts | Judgement) -> Any:
    adapter: TypeAdapter[Any] = _FACTS if isinstance(value, Facts) else _JUDGEMENT
    return adapter.dump_python(value, mode="json", exclude_defaults=True)


def _rounded(judgement: Judgement) -> Judgement:
    findings = tuple(
        replace(
            finding,
            harm=_round(finding.harm),
            suspicion=_round(finding.suspicion),
            safe=None if finding.safe is None else _round(finding.safe),
        )
        for finding in judgement.findings
    )
    return replace(judgement, findings=findings, harm=_round(judgement.harm))


def _round(value: float) -> float:
    return round(value, DIGITS) + 0.0  # no negative zero
