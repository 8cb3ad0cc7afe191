from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tritonclient.utils import serialize_byte_tensor

from serving.contract.runtime import DataType, Tensor, Values
from serving.contract.tensor_data import raw, shape_of
from serving.errors import InputError

NUMPY: dict[DataType, str] = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "u2", "UINT32": "u4", "UINT64": "u8",
    "INT8": "i1", "INT16": "i2", "INT32": "i4", "INT64": "i8",
    "FP16": "f2", "FP32": "f4", "FP64": "f8",
}  # fmt: skip

SHAPES = arrays.array_shapes(max_dims=3, max_side=4)


@given(st.data(), st.sampled_from(sorted(NUMPY)), SHAPES)
def test_numbers_are_encoded_as_numpy_does(
    data: st.DataObject, kind: DataType, shape: tuple[int, ...]
) -> None:
    dtype = np.dtype("<" + NUMPY[kind])
    finite = {"allow_nan": False, "allow_infinity": False} if dtype.kind == "f" else {}
    elements = arrays.from_dtype(dtype, **finite)  # type: ignore[arg-type]  # of any dtype
    values = data.draw(arrays.arrays(dtype, shape, elements=elements))
    assert raw(Tensor(type=kind, shape=shape), values.tolist()) == values.tobytes()


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_text_is_encoded_as_tritons_client_does(texts: list[str]) -> None:
    expected = serialize_byte_tensor(np.array([text.encode() for text in texts], dtype=object))
    tensor = Tensor(type="BYTES", shape=(len(texts),))
    assert raw(tensor, list(texts)) == expected.item()


def bfloat16(bits: int) -> float:
    (value,) = struct.unpack("<f", struct.pack("<I", bits << 16))
    return float(value)


@given(st.floats(0, 2.0**127, width=32))
def test_no_bfloat16_is_nearer_than_the_one_chosen(value: float) -> None:
    (bits,) = struct.unpack("<H", raw(Tensor(type="BF16", shape=(1,)), [value]))
    chosen = abs(bfloat16(bits) - value)
    assert all(chosen <= abs(bfloat16(near) - value) for near in (bits - 1, bits + 1) if near >= 0)


@pytest.mark.parametrize(
    ("kind", "shape", "values", "message"),
    [
        ("FP32", (2,), [1, 2, 3], r"shape \[3\], expected \[2\]"),
        ("FP32", (2,), [[1, 2]], r"shape \[1, 2\], expected \[2\]"),
        ("FP32", (-1, 2), [[1, 2], [3]], "not all of one length"),
        ("UINT8", (1,), [256], "256 is out of the range of UINT8"),
        ("FP16", (1,), [1e6], "out of the range of FP16"),
        ("INT64", (1,), [1.5], "1.5 is not a value of INT64"),
        ("INT64", (1,), [True], "True is not a value of INT64"),
        ("FP32", (1,), ["1"], "'1' is not a value of FP32"),
        ("BOOL", (1,), [1], "1 is not a value of BOOL"),
        ("BYTES", (1,), [None], "None is not a value of BYTES"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    kind: DataType, shape: tuple[int, ...], values: Values, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        raw(Tensor(type=kind, shape=shape), values)


def test_minus_one_takes_any_size() -> None:
    assert raw(Tensor(type="UINT8", shape=(-1,)), [1, 2, 3]) == b"\1\2\3"
    assert shape_of([[1, 2, 3], [4, 5, 6]]) == (2, 3)
    assert shape_of([]) == (0,)
