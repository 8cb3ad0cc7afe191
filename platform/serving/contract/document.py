"""YAML with positions: every value knows its line, every mistake is reported where it stands."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from serving.contract.problem import DocumentError, JsonPath, Position, Problem, dotted, show

MAX_BYTES: Final = 1 << 18
MAX_DEPTH: Final = 32

_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_YAML_1_1_BOOLEANS: Final = frozenset({"yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, kw_only=True)
class Document:
    """A parsed YAML file: plain data (`dict`, `list`, `str`, `int`, `float`, `bool`, `None`)."""

    file: str
    data: object
    values: Mapping[JsonPath, Position]
    """Where each value begins."""
    keys: Mapping[JsonPath, Position]
    """Where the key of each mapping entry begins."""

    def problem(
        self,
        path: JsonPath,
        what: str,
        *,
        got: str | None = None,
        expected: str | None = None,
        do: str | None = None,
        at_key: bool = False,
    ) -> Problem:
        """A problem at `path`, or at its nearest ancestor that the file holds."""
        return Problem(
            file=self.file,
            position=self.position(path, at_key=at_key),
            field=dotted(path),
            what=what,
            got=got,
            expected=expected,
            do=do,
        )

    def position(self, path: JsonPath, *, at_key: bool = False) -> Position:
        if at_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.keys.get(path) or self.values.get(path) or Position()


def read(path: Path, *, name: str | None = None) -> Document:
    """Read and parse one file. Raises DocumentError."""
    file = name or str(path)
    try:
        if not path.is_file():
            reason = "is not a regular file" if path.exists() else "does not exist"
            raise _failed(file, reason, do="name a YAML file")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _failed(file, f"cannot be read: {error.strerror}") from error
    return parse(raw, file)


def parse(raw: bytes, file: str) -> Document:
    """Parse YAML 1.2 with the core types only. Raises DocumentError."""
    text = _decode(raw, file)
    root = _compose(text, file)
    if root is None:
        raise _failed(file, "is empty", expected="a YAML mapping")
    reader = _Reader(file)
    data = reader.value(root, ())
    if reader.problems:
        raise DocumentError(reader.problems)
    return Document(file=file, data=data, values=reader.values, keys=reader.keys)


def _failed(
    file: str,
    what: str,
    at: Position | None = None,
    *,
    got: str | None = None,
    expected: str | None = None,
    do: str | None = None,
) -> DocumentError:
    problem = Problem(
        file=file, position=at or Position(), field="(document)", what=what,
        got=got, expected=expected, do=do,
    )  # fmt: skip
    return DocumentError([problem])


def _decode(raw: bytes, file: str) -> str:
    if len(raw) > MAX_BYTES:
        raise _failed(file, "is too large", expected=f"≤ {MAX_BYTES} bytes of YAML")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise _failed(
            file,
            "is not UTF-8 text",
            Position(line, column),
            got=f"byte 0x{raw[error.start]:02x}",
            do="save the file as UTF-8",
        ) from None
    for number, line_text in enumerate(text.split("\n"), start=1):
        indent = line_text[: len(line_text) - len(line_text.lstrip())]
        if "\t" in indent and line_text.strip():
            at = Position(number, indent.index("\t") + 1)
            raise _failed(file, "a tab in the indentation", at, do="indent with spaces")
    return text


def _compose(text: str, file: str) -> yaml.Node | None:
    try:
        _guard(text, file)
        return yaml.compose(text, Loader=yaml.CBaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(mark.line + 1, mark.column + 1) if mark else None
        what = " ".join(str(error.problem or error.context).split())
        raise _failed(file, f"is not YAML: {what}", at) from None
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode(errors="ignore")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        got = f"character U+{int(error.character):04X}"
        raise _failed(file, "is not text", Position(line, column), got=got) from None


def _guard(text: str, file: str) -> None:
    """Refuse aliases and deep nesting before the nodes are made: both can be used to exhaust."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        at = _position(event)
        if depth > MAX_DEPTH:
            raise _failed(file, "is nested too deep", at, expected=f"≤ {MAX_DEPTH} levels")
        if isinstance(event, AliasEvent):
            raise _failed(file, "anchors and aliases are not taken", at, do="write it out")


class _Reader:
    """Turns nodes into plain data and notes where each stood."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[JsonPath, Position] = {}
        self.keys: dict[JsonPath, Position] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: JsonPath) -> object:
        self.values[path] = _position(node)
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - the only kind left
        return self._scalar(node, path)

    def _entries(self, node: yaml.MappingNode, path: JsonPath) -> Iterator[tuple[str, object]]:
        seen: dict[str, Position] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._wrong(key_node, path, "a key must be plain text")
                continue
            key = str(key_node.value)
            if key in seen:
                first = seen[key]
                self._wrong(
                    key_node,
                    (*path, key),
                    f"is given twice, first on line {first.line}",
                    do="keep one of them",
                )
                continue
            seen[key] = _position(key_node)
            self.keys[(*path, key)] = seen[key]
            yield key, self.value(value_node, (*path, key))

    def _scalar(self, node: yaml.ScalarNode, path: JsonPath) -> object:
        text = str(node.value)
        if node.tag != _TEXT_TAG:
            self._wrong(node, path, f"the tag {node.tag} is not taken", do="write a plain value")
        elif node.style:
            return text
        elif text.lower() in _YAML_1_1_BOOLEANS:
            self._wrong(
                node,
                path,
                "means true or false to some YAML readers and text to others",
                got=text,
                expected="true, false or text in quotes",
                do=f'write "{text}" if it is text',
            )
        else:
            return self._plain(node, text, path)
        return None

    def _plain(self, node: yaml.ScalarNode, text: str, path: JsonPath) -> object:
        if text in _WORDS:
            return _WORDS[text]
        try:
            if _INTEGER.fullmatch(text):
                return int(text, 0 if text.startswith(("0x", "0o")) else 10)
            if _NUMBER.fullmatch(text):
                return _finite(float(text))
        except ValueError:
            self._wrong(node, path, "is no number to work with", got=show(text))
            return None
        if text.lower().lstrip("+-") in (".inf", ".nan"):
            self._wrong(node, path, "is no number to work with", got=text)
            return None
        return text

    def _wrong(
        self,
        node: yaml.Node,
        path: JsonPath,
        what: str,
        *,
        got: str | None = None,
        expected: str | None = None,
        do: str | None = None,
    ) -> None:
        self.problems.append(
            Problem(
                file=self.file,
                position=_position(node),
                field=dotted(path),
                what=what,
                got=got,
                expected=expected,
                do=do,
            )
        )


def _position(place: yaml.Node | yaml.Event) -> Position:
    mark = place.start_mark
    return Position(mark.line + 1, mark.column + 1) if mark else Position()


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError
    return number
