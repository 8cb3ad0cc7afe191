from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.registry.manifest import Entry
from serving.registry.transfer import PIECE, Advance, Chunks, copy, each, entry_of


def ignore(size: int) -> None:
    pass


@given(st.lists(st.binary(max_size=50)), st.integers(1, 70))
def test_pieces_of_any_size_are_read_like_one_file(pieces: list[bytes], size: int) -> None:
    stream = Chunks(iter(pieces))
    found = b""
    while read := stream.read(size):
        found += read
    assert found == b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_what_is_copied_is_what_is_hashed_and_counted(size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    content = content[:size]
    target, counted = io.BytesIO(), list[int]()
    source = cast(io.RawIOBase, io.BytesIO(content))
    entry = copy(source, target.write, counted.append)
    assert target.getvalue() == content
    assert entry == Entry(sha256=hashlib.sha256(content).hexdigest(), size=size)
    assert sum(counted) == size
    assert entry_of(cast(io.RawIOBase, io.BytesIO(content)), ignore) == entry


def test_the_first_failure_stops_the_other_files() -> None:
    failed = threading.Event()
    finished: list[int] = []

    def work(item: int, advance: Advance) -> None:
        if item == 0:
            failed.set()
            raise OSError("no")
        failed.wait()
        for _ in range(10_000):
            advance(1)
            threading.Event().wait(0.001)
        finished.append(item)

    with pytest.raises(OSError, match="no"):
        each(work, range(50), ignore)
    assert finished == []


def test_ctrl_c_while_work_is_handed_out_stops_what_has_begun() -> None:
    begun = threading.Event()
    finished: list[int] = []

    def items() -> Iterator[int]:
        yield 0
        begun.wait()
        raise KeyboardInterrupt

    def work(item: int, advance: Advance) -> None:
        begun.set()
        for _ in range(10_000):
            advance(1)
            threading.Event().wait(0.001)
        finished.append(item)

    with pytest.raises(KeyboardInterrupt):
        each(work, items(), ignore)
    assert finished == []


def test_results_come_in_the_order_of_the_items() -> None:
    def work(item: int, advance: Advance) -> int:
        threading.Event().wait((5 - item) / 200)
        return item

    assert each(work, range(5), ignore) == [0, 1, 2, 3, 4]
