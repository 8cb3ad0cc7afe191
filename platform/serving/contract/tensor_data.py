"""The values of a tensor as Triton reads them raw: little-endian, row by row."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from serving.contract.runtime import DataType, Tensor, Values
from serving.errors import InputError

_FORMATS: Final[dict[DataType, str]] = {
    "BOOL": "?",
    "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
    "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q",
    "FP16": "e", "BF16": "f", "FP32": "f", "FP64": "d",
    "BYTES": "s",
}  # fmt: skip
_FLOATS: Final = "efd"


def shape_of(values: Values) -> tuple[int, ...]:
    """The shape of nested lists; a plain value has none. Raises InputError if they are ragged."""
    if not isinstance(values, list):
        return ()
    shapes = {shape_of(value) for value in values}
    if len(shapes) > 1:
        raise InputError("the lists are not all of one length")
    return (len(values), *(shapes.pop() if shapes else ()))


def raw(tensor: Tensor, values: Values) -> bytes:
    """One sample of `tensor`. Raises InputError if the values do not fit it."""
    shape = shape_of(values)
    if len(shape) != len(tensor.shape) or any(
        promised not in (-1, given) for promised, given in zip(tensor.shape, shape, strict=True)
    ):
        raise InputError(f"the values have shape {list(shape)}, expected {list(tensor.shape)}")
    return b"".join(_element(tensor.type, value) for value in flat(values))


def flat(values: Values) -> Iterator[Values]:
    if isinstance(values, list):
        for value in values:
            yield from flat(value)
    else:
        yield values


def _element(kind: DataType, value: Values) -> bytes:
    try:
        return _packed(kind, value)
    except (struct.error, OverflowError):
        raise InputError(f"{value!r} is out of the range of {kind}") from None


def _packed(kind: DataType, value: Values) -> bytes:
    code = _FORMATS[kind]
    if not _is_of(code, value):
        raise InputError(f"{value!r} is not a value of {kind}")
    if isinstance(value, str):
        text = value.encode()
        return struct.pack("<I", len(text)) + text
    packed = struct.pack(f"<{code}", value)
    return _upper_half(packed) if kind == "BF16" else packed


def _is_of(code: str, value: Values) -> bool:
    if code == "s":
        return isinstance(value, str)
    if code == "?" or isinstance(value, bool):
        return code == "?" and isinstance(value, bool)
    return isinstance(value, int | float if code in _FLOATS else int)


def _upper_half(single: bytes) -> bytes:
    """The nearest bfloat16 of a float32, ties to even."""
    (bits,) = struct.unpack("<I", single)
    return struct.pack("<H", (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
