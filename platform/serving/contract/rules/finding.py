"""What a rule says when it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from serving.contract.model import ModelContract
from serving.contract.problem import JsonPath
from serving.contract.runtime import TritonModel, TritonRuntime


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that does not hold. A notice is worth knowing; everything else refuses."""

    fields: tuple[JsonPath, ...]
    """The first is where it is shown; all of them were read to find it."""
    what: str
    got: str | None = None
    expected: str | None = None
    do: str | None = None
    notice: bool = False


Rule: TypeAlias = Callable[[ModelContract], Iterator[Finding]]


def triton_models(contract: ModelContract) -> dict[str, TritonModel]:
    runtime = contract.runtime
    return dict(runtime.models) if isinstance(runtime, TritonRuntime) else {}


def numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
