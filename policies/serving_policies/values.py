"""What a resource says, where some of it is not said and some not known yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

Props: TypeAlias = Mapping[str, Any]


class _Nothing:
    """Stands where there is no value; tells why when it is written out."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __bool__(self) -> bool:
        raise TypeError(f"{self._name} is neither true nor false: compare it by `is`")


ABSENT: Final = _Nothing("absent")
UNKNOWN: Final = _Nothing("not known yet")
"""Before an update only: the engine knows it once what it comes from exists."""


def at(value: Any, path: str) -> Any:
    """By keys with dots between. What lies inside of something unknown is unknown; null is what
    providers make of something absent."""
    for key in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(key, ABSENT) if isinstance(value, Mapping) else ABSENT
    return ABSENT if value is None else value


def items(value: Any) -> Sequence[Any]:
    """A list as it is, nothing for what is absent, and what stands alone as the one item it is."""
    if value is ABSENT or value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def named(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each item of a list, with its path in words of the message."""
    found = at(value, path)
    for index, item in enumerate(items(found)):
        yield (f"{path}[{index}]" if isinstance(found, list | tuple) else path), item


def known(value: Any) -> bool:
    """All of it."""
    if isinstance(value, Mapping):
        return all(known(each) for each in value.values())
    if isinstance(value, list | tuple):
        return all(known(each) for each in value)
    return value is not UNKNOWN


def true(value: Any) -> bool:
    """Some properties are booleans spelled as strings."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def plain(value: Any, unknown: type[Exception]) -> Any:
    """Of the mappings and sequences in which an analyzer wraps properties, which raise `unknown`
    for what is not known and are neither dict nor list."""
    if isinstance(value, Mapping):
        return {key: _entry(value, key, unknown) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_entry(value, index, unknown) for index in range(len(value))]
    return value


def _entry(container: Any, key: Any, unknown: type[Exception]) -> Any:
    try:
        return plain(container[key], unknown)
    except unknown:
        return UNKNOWN


def shown(value: Any) -> str:
    """In a message, and short."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
