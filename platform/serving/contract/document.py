"""YAML with positions: every value knows its line, every mistake is reported where it stands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from serving.errors import InputError

JsonPath: TypeAlias = tuple[str | int, ...]

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32

_YAML_1_1_BOOLEANS: Final = frozenset({"yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file; both figures count from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with one field: where, what, what was there, what belongs there."""

    file: str
    position: Position
    field: str
    what: str
    got: str | None = None
    expected: str | None = None
    do: str | None = None

    def __str__(self) -> str:
        said = [
            f"{self.file}:{self.position.line}:{self.position.column}: {self.field}: {self.what}"
        ]
        said += [f"got {self.got}"] if self.got is not None else []
        said += [f"expected {self.expected}"] if self.expected is not None else []
        said += [f"do: {self.do}"] if self.do is not None else []
        return ", ".join(said)


class DocumentError(InputError):
    """Everything that is wrong with one document, in the order of its lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.position)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


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


def dotted(path: JsonPath) -> str:
    """`("steps", 2)` as `steps[2]`; the document itself as `(document)`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "(document)"


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
    try:
        root = _compose(text, file)
        if root is None:
            raise _failed(file, "is empty", expected="a YAML mapping")
        reader = _Reader(file)
        data = reader.value(root, ())
    except RecursionError:
        raise _failed(file, "is nested too deep", expected=f"≤ {MAX_DEPTH} levels") from None
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
        raise _failed(file, "is too large", got=f"> {MAX_BYTES} bytes", expected="≤ 1 MiB of YAML")
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


def _compose(text: str, file: str) -> Node | None:
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            if isinstance(event, AliasEvent):
                raise _failed(
                    file,
                    "anchors and aliases are not taken",
                    Position(event.start_mark.line + 1, event.start_mark.column + 1),
                    do="write it out",
                )
        nodes: Node | None = YAML(typ="safe", pure=True).compose(text)
        return nodes
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(mark.line + 1, mark.column + 1) if mark else None
        what = " ".join(str(error.problem or error.context).split())
        raise _failed(file, f"is not YAML: {what}", at) from None
    except (YAMLError, ValueError, AssertionError, AttributeError, TypeError, IndexError) as error:
        # ruamel's scanner lets plain Python errors through on some malformed input
        what = " ".join(str(error).split())[:200]
        raise _failed(file, f"is not YAML: {what or type(error).__name__}") from None


class _Reader:
    """Turns nodes into plain data and notes where each stood."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[JsonPath, Position] = {}
        self.keys: dict[JsonPath, Position] = {}
        self.problems: list[Problem] = []

    def value(self, node: Node, path: JsonPath) -> object:
        self.values[path] = _position(node)
        if len(path) > MAX_DEPTH:
            self._wrong(node, path[:3], "is nested too deep", expected=f"≤ {MAX_DEPTH} levels")
            return None
        if isinstance(node, MappingNode):
            return dict(self._entries(node, path))
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # noqa: S101 - the only kind left
        return self._scalar(node, path)

    def _entries(self, node: MappingNode, path: JsonPath) -> Iterator[tuple[str, object]]:
        seen: dict[str, Position] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
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

    def _scalar(self, node: ScalarNode, path: JsonPath) -> object:
        text = str(node.value)
        kind = str(node.tag).rpartition(":")[2]
        if node.style is None and text.lower() in _YAML_1_1_BOOLEANS and kind == "str":
            self._wrong(
                node,
                path,
                "means true or false to some YAML readers and text to others",
                got=text,
                expected="true, false or text in quotes",
                do=f'write "{text}" if it is text',
            )
            return None
        try:
            return _PLAIN[kind](text) if kind in _PLAIN else self._unknown(node, path)
        except ValueError:
            self._wrong(node, path, f"is not a plain {kind}", got=text[:40])
            return None

    def _unknown(self, node: ScalarNode, path: JsonPath) -> object:
        if str(node.tag).endswith(":timestamp"):
            return str(node.value)
        self._wrong(node, path, f"the YAML tag {node.tag} is not taken", do="write a plain value")
        return None

    def _wrong(
        self,
        node: Node,
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


def _position(node: Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _integer(text: str) -> int:
    plain = text.replace("_", "")
    if len(plain) > 40:
        raise ValueError(text)
    return int(plain, 0) if plain.lstrip("+-").startswith(("0x", "0o")) else int(plain)


def _number(text: str) -> float:
    number = float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_PLAIN: Final[Mapping[str, Callable[[str], object]]] = {
    "str": str,
    "int": _integer,
    "float": _number,
    "bool": lambda text: text.lower() == "true",
    "null": lambda _: None,
}


def show(value: object) -> str:
    """A value as it is shown in a problem: short, on one line."""
    text = repr(value) if isinstance(value, str) else f"{value}"
    text = " ".join(text.split())
    if isinstance(value, Mapping):
        text = "a mapping" if value else "an empty mapping"
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(text) > 60:
        text = f"a list of {len(value)}"
    return "nothing" if value is None else text if len(text) <= 60 else text[:57] + "…"
