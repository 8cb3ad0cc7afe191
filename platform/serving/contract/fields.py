"""The kinds of value a contract is written in: names, images, digests, quantities."""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)
from pydantic.json_schema import WithJsonSchema

_UNITS: Final = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
}  # fmt: skip
_MEMORY: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,6})?)(Ki|Mi|Gi|Ti|k|M|G|T|)")
_CPU: Final = re.compile(r"([0-9]{1,6})m|([0-9]{1,4}(?:\.[0-9]{1,3})?)")


class Section(BaseModel):
    """A part of a document: nothing unknown, nothing changed after reading."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def parse_memory(value: object) -> int:
    """`512Mi` → bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("expected an amount of memory such as 512Mi or 4Gi")
    number, unit = match.groups()
    return round(float(number) * _UNITS[unit]) if "." in number else int(number) * _UNITS[unit]


def parse_cpu(value: object) -> int:
    """`500m` or `2` or `1.5` → millicores. Raises ValueError."""
    match = _CPU.fullmatch(f"{value}") if not isinstance(value, bool) else None
    if not match:
        raise ValueError("expected CPUs such as 500m, 2 or 1.5")
    milli, whole = match.groups()
    return int(milli) if milli else round(float(whole) * 1000)


def show_memory(size: int) -> str:
    """Bytes as the largest binary unit that divides them: 4294967296 → `4Gi`."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)


def show_cpu(millicores: int) -> str:
    """Millicores as Kubernetes writes them: 2000 → `2`, 500 → `500m`."""
    return f"{millicores}m" if millicores % 1000 else str(millicores // 1000)


Memory: TypeAlias = Annotated[
    int,
    BeforeValidator(parse_memory),
    Field(ge=1, le=1 << 50),
    PlainSerializer(show_memory, when_used="json"),
    WithJsonSchema({"type": ["string", "integer"], "pattern": f"^{_MEMORY.pattern}$"}),
]
"""Bytes; written `512Mi`, `4Gi`."""

Cpu: TypeAlias = Annotated[
    int,
    BeforeValidator(parse_cpu),
    Field(ge=1, le=1_000_000),
    PlainSerializer(show_cpu, when_used="json"),
    WithJsonSchema({"type": ["string", "number"], "pattern": f"^({_CPU.pattern})$"}),
]
"""Millicores; written `500m`, `2`, `1.5`."""

_NAME: Final = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
_TRITON_NAME: Final = r"^[a-z][a-z0-9_-]{0,62}$"
_TENSOR_NAME: Final = r"^[A-Za-z_][\w./:-]{0,127}$"
_HEADER: Final = r"^[a-z][a-z0-9-]{0,63}$"
_URL: Final = r"^https?://[^\s/@?#]+(/[^\s?#]*)?$"
_DIGEST: Final = r"^sha256:[0-9a-f]{64}$"
_IMAGE: Final = (
    r"^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9._-]+)+"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$"
)

MEANING: Final = {
    _NAME: "lower-case letters, digits and dashes, from a letter on, at most 40",
    _TRITON_NAME: "lower-case letters, digits, dashes and underscores, from a letter on",
    _TENSOR_NAME: "a tensor name: letters, digits and _ . / : -",
    _HEADER: "a header's name in lower case, such as x-user",
    _URL: "an address such as http://judge:8000/v1, without user, query or fragment",
    _DIGEST: "sha256: and 64 hexadecimal digits",
    _IMAGE: "registry/name:tag, registry/name@sha256:… or both",
}
"""What a pattern asks for, in words."""

Name: TypeAlias = Annotated[str, StringConstraints(pattern=_NAME)]
"""Lower case, digits and dashes, at most 40: fits a Kubernetes label and a host name."""

TritonName: TypeAlias = Annotated[str, StringConstraints(pattern=_TRITON_NAME)]
"""The name of a model inside Triton."""

TensorName: TypeAlias = Annotated[str, StringConstraints(pattern=_TENSOR_NAME)]

HeaderName: TypeAlias = Annotated[str, StringConstraints(pattern=_HEADER)]

Url: TypeAlias = Annotated[str, StringConstraints(max_length=500, pattern=_URL)]

Digest: TypeAlias = Annotated[str, StringConstraints(pattern=_DIGEST)]

Image: TypeAlias = Annotated[str, StringConstraints(max_length=512, pattern=_IMAGE)]
"""`registry/path:tag`, `registry/path@sha256:…` or both."""

Percent: TypeAlias = Annotated[int, Field(ge=0, le=100)]
Share: TypeAlias = Annotated[float, Field(gt=0, lt=1)]
Milliseconds: TypeAlias = Annotated[float, Field(gt=0, le=3_600_000)]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Email: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
