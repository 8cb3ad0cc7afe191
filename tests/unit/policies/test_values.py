"""What an analyzer hands over, and what is read from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving_policies.values import ABSENT, UNKNOWN, at, items, known, named, plain, true

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class NotKnown(Exception):
    """As pulumi_policy's."""


class Wrapped(Mapping[str, Any]):
    """As pulumi_policy wraps an object: no dict, and it raises at what is not known."""

    def __init__(self, inner: Mapping[str, Any]) -> None:
        self._inner = inner

    def __getitem__(self, key: str) -> Any:
        return seen(self._inner[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner)


class Listed(Sequence[Any]):
    """As it wraps an array: no list."""

    def __init__(self, inner: list[Any]) -> None:
        self._inner = inner

    def __getitem__(self, index: Any) -> Any:
        return seen(self._inner[index])

    def __len__(self) -> int:
        return len(self._inner)


def seen(value: Any) -> Any:
    if value is UNKNOWN:
        raise NotKnown
    return wrapped(value)


def wrapped(value: Any) -> Any:
    if isinstance(value, dict):
        return Wrapped(value)
    return Listed(value) if isinstance(value, list) else value


@given(st.dictionaries(st.text(), JSON))
def test_what_was_wrapped_is_itself_again(value: dict[str, Any]) -> None:
    assert plain(wrapped(value), NotKnown) == value


@pytest.mark.parametrize(
    "value",
    [
        {"a": UNKNOWN},
        {"a": {"b": UNKNOWN, "c": 1}},
        {"a": [1, UNKNOWN, {"b": UNKNOWN}]},
    ],
)
def test_what_is_not_known_hides_nothing_beside_it(value: dict[str, Any]) -> None:
    assert plain(wrapped(value), NotKnown) == value
    assert not known(plain(wrapped(value), NotKnown))


def test_other_failures_are_not_taken_for_something_unknown() -> None:
    with pytest.raises(NotKnown):
        plain(wrapped({"a": UNKNOWN}), KeyError)


def test_inside_of_something_unknown_all_is_unknown_and_inside_of_nothing_is_nothing() -> None:
    props = {"a": {"b": 0, "null": None}, "u": UNKNOWN, "text": "x"}
    assert at(props, "a.b") == 0
    assert at(props, "u.b.c") is UNKNOWN
    for path in ("x", "x.y", "a.x", "a.b.c", "text.length", "a.null"):
        assert at(props, path) is ABSENT


def test_a_list_is_walked_and_what_stands_alone_is_one_item() -> None:
    assert list(named({"a": {"b": [1, UNKNOWN]}}, "a.b")) == [("a.b[0]", 1), ("a.b[1]", UNKNOWN)]
    assert list(named({"a": 1}, "a")) == [("a", 1)]
    assert list(named({}, "a")) == items(ABSENT) == items(None) == []


@pytest.mark.parametrize(
    ("value", "is_true"),
    [(True, True), ("true", True), ("True", True), (False, False), ("false", False), (1, False)],
)
def test_a_boolean_may_be_spelled(value: Any, is_true: bool) -> None:
    assert true(value) is is_true
