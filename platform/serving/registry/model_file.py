"""A model's YAML: the one place where a person's file is written to."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml import MappingNode, Node, SequenceNode

from serving.contract.check import check
from serving.contract.document import parse
from serving.contract.model import ModelContract
from serving.contract.problem import DocumentError
from serving.errors import InputError
from serving.registry.errors import StoreError, failing
from serving.registry.folder import write_whole


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    path: Path
    raw: bytes
    """As it was when the contract was read from it."""
    contract: ModelContract

    def check_unchanged(self) -> None:
        if _bytes(self.path) != self.raw:
            raise StoreError(f"{self.path}: was changed meanwhile: run the same command again")

    def check_takes(self, version: int) -> None:
        """Raises InputError where `add` would fail for how the file is written."""
        with_version(self.raw, version, {"digest": "?"})

    def add(self, version: int, entry: Mapping[str, str]) -> None:
        """Adds the version; comments and order stay as they are."""
        self.check_unchanged()
        _replace(self.path, with_version(self.raw, version, entry))


def read(path: Path) -> ModelFile:
    """Raises DocumentError unless the contract is sound."""
    raw = _bytes(path)
    checked = check(parse(raw, str(path)), "dev")
    if checked.contract is None:
        raise DocumentError(checked.problems)
    return ModelFile(path=path, raw=raw, contract=checked.contract)


def with_version(raw: bytes, version: int, entry: Mapping[str, str]) -> bytes:
    """Only lines are added: dumping the whole document would rewrite what people wrote."""
    text = raw.decode()
    lines = list(io.StringIO(text))
    key, value = _versions(text)
    written = _entry_of(value, version)
    if written:
        _insert(lines, *_into(written, entry))
    elif key is None:
        _insert(lines, len(lines), ["versions:\n", *_block("  ", version, entry)])
    elif isinstance(value, MappingNode) and value.value and not value.flow_style:
        pad = " " * value.value[0][0].start_mark.column
        _insert(lines, _last_line(value) + 1, _block(pad, version, entry))
    else:
        line = key.start_mark.line
        lines[line] = lines[line].replace(" {}", "", 1)
        pad = " " * (key.start_mark.column + 2)
        _insert(lines, line + 1, _block(pad, version, entry))
    result = "".join(lines).encode()
    _check(raw, result, version, entry)
    return result


def _versions(text: str) -> tuple[Node, Node] | tuple[None, None]:
    root = yaml.compose(text, Loader=yaml.CBaseLoader)
    pairs = root.value if isinstance(root, MappingNode) else []
    return next((pair for pair in pairs if pair[0].value == "versions"), (None, None))


def _entry_of(versions: Node | None, version: int) -> tuple[Node, Node] | None:
    """What people wrote of this version before it was published."""
    pairs = versions.value if isinstance(versions, MappingNode) else []
    return next((pair for pair in pairs if pair[0].value == str(version)), None)


def _into(written: tuple[Node, Node], entry: Mapping[str, str]) -> tuple[int, list[str]]:
    key, value = written
    inline = key.end_mark.line == value.start_mark.line
    pad = " " * (key.start_mark.column + 2 if inline else value.start_mark.column)
    return key.start_mark.line + 1, [pad + line for line in _lines(dict(entry))]


def _last_line(node: Node) -> int:
    """A block's own end lies behind the comments that follow it."""
    while isinstance(node, MappingNode | SequenceNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(node, MappingNode) else last
    return int(node.end_mark.line)


def _block(pad: str, version: int, entry: Mapping[str, str]) -> list[str]:
    return [pad + line for line in _lines({version: dict(entry)})]


def _lines(value: Mapping[Any, Any]) -> list[str]:
    text = yaml.safe_dump(value, sort_keys=False, width=1 << 16, allow_unicode=True)
    return text.splitlines(keepends=True)


def _insert(lines: list[str], at: int, block: list[str]) -> None:
    if at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += "\n"
    lines[at:at] = block


def _check(before: bytes, after: bytes, version: int, entry: Mapping[str, str]) -> None:
    expected = parse(before, "").data
    assert isinstance(expected, dict)  # noqa: S101  # it is a contract
    versions = expected.get("versions") or {}
    written = versions.get(str(version)) or {}
    expected["versions"] = {**versions, str(version): {**written, **entry}}
    try:
        same = parse(after, "").data == expected
    except DocumentError:
        same = False
    if not same:
        what = "a version cannot be added to how it is written"
        raise InputError(f"versions: {what}: write it as a block, one version below the other")


def _bytes(path: Path) -> bytes:
    with failing(f"{path}"):
        return path.read_bytes()


def _replace(path: Path, content: bytes) -> None:
    path = path.resolve()
    with failing(f"{path}: cannot be written"):
        write_whole(path, content, path.stat().st_mode & 0o777)
