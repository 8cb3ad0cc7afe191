"""One request as its sender saw it, and whose fault it was."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from serving.inference import Protocol  # brings tritonclient, which no reader needs

Outcome: TypeAlias = Literal["right", "wrong", "error", "lost", "refused"]
"""`wrong` and `error` are the model's: bad. `lost`: no answer, or a failure that the gateway made.
`refused`: the gateway turned the caller away (who it is, how much it asks, what it asks for)."""

OK: Final = 0
_REFUSALS: Final[Set[int]] = frozenset({3, 5, 7, 8, 9, 11, 12, 16})
"""gRPC status codes by which a gateway blames the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int | None = None
    """Of HTTP; None over gRPC, and where there was no answer."""
    grpc: int | None = None
    version: int | None = None
    """That answered; None where the gateway did, or nobody."""
    answer: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    due: float
    """Seconds after the load began; the latency counts from here."""
    late_ms: float
    """By which the generator itself sent it later."""
    model: str
    protocol: Protocol
    sample: int
    ms: float
    outcome: Outcome
    status: int | None
    grpc: int | None
    version: int | None
    answer: str | None
    problem: str

    @property
    def bad(self) -> bool:
        return self.outcome in ("wrong", "error")


def outcome_of(reply: Reply, truth: str) -> Outcome:
    if reply.answer is not None:
        return "right" if reply.answer == truth else "wrong"
    if reply.version is not None:
        return "error"
    if reply.grpc is not None:
        return "refused" if reply.grpc in _REFUSALS else "lost"
    if reply.status is not None and 400 <= reply.status < 500:
        return "refused"
    return "lost"


def version_of(header: str | None) -> int | None:
    return int(header) if header is not None and header.isascii() and header.isdigit() else None
