"""Damage to a published version that verifying must find, and the name it has to give."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

Damage = Callable[[Path], str]

MODEL = "digits/1/model.py"
WEIGHTS = "digits/1/weights/w.bin"
MANIFEST = "manifest.json"


def flip(path: str, at: int) -> Damage:
    def damage(version: Path) -> str:
        content = bytearray((version / path).read_bytes())
        content[at] ^= 1
        (version / path).write_bytes(content)
        return path

    return damage


def _written(path: str, content: bytes = b"x") -> Damage:
    def damage(version: Path) -> str:
        (version / path).parent.mkdir(parents=True, exist_ok=True)
        (version / path).write_bytes(content)
        return path

    return damage


def _missing(path: str) -> Damage:
    def damage(version: Path) -> str:
        (version / path).unlink()
        return path

    return damage


def _folder(path: str) -> Damage:
    def damage(version: Path) -> str:
        (version / path).mkdir(parents=True)
        return path

    return damage


def _renamed(path: str, to: str) -> Damage:
    def damage(version: Path) -> str:
        (version / to).parent.mkdir(parents=True, exist_ok=True)
        (version / path).rename(version / to)
        return path

    return damage


def truncated(version: Path) -> str:
    os.truncate(version / WEIGHTS, 100)
    return WEIGHTS


def cut_to_nothing(version: Path) -> str:
    os.truncate(version / MODEL, 0)
    return MODEL


def appended(version: Path) -> str:
    with (version / WEIGHTS).open("ab") as file:
        file.write(b"x")
    return WEIGHTS


def link_to_the_same_content(version: Path) -> str:
    outside = version.parent / "model.py"
    (version / MODEL).rename(outside)
    (version / MODEL).symlink_to(outside)
    return MODEL


def folder_linked_out(version: Path) -> str:
    outside = version.parent / "weights"
    (version / "digits/1/weights").rename(outside)
    (version / "digits/1/weights").symlink_to(outside)
    return "digits/1/weights"


def whole_version_linked_out(version: Path) -> str:
    outside = version.parent / "elsewhere"
    version.rename(outside)
    version.symlink_to(outside)
    return "is a symbolic link"


def pipe(version: Path) -> str:
    (version / MODEL).unlink()
    os.mkfifo(version / MODEL)
    return MODEL


def manifest_is_a_pipe(version: Path) -> str:
    (version / MANIFEST).unlink()
    os.mkfifo(version / MANIFEST)
    return MANIFEST


def manifest_is_a_folder(version: Path) -> str:
    (version / MANIFEST).unlink()
    (version / MANIFEST).mkdir()
    return MANIFEST


def file_became_a_folder(version: Path) -> str:
    (version / MODEL).unlink()
    (version / MODEL).mkdir()
    return MODEL


def contents_exchanged(version: Path) -> str:
    model, weights = (version / MODEL).read_bytes(), (version / WEIGHTS).read_bytes()
    (version / MODEL).write_bytes(weights)
    (version / WEIGHTS).write_bytes(model)
    return MODEL


def name_that_is_not_utf8(version: Path) -> str:
    with open(os.fsencode(version) + b"/caf\xe9", "wb"):
        return r"caf\udce9"


DAMAGES: dict[str, Damage] = {
    "first byte flipped": flip(WEIGHTS, 0),
    "middle byte flipped": flip(WEIGHTS, 4000),
    "last byte flipped": flip(WEIGHTS, -1),
    "byte of the model flipped": flip(MODEL, 3),
    "byte of config.pbtxt flipped": flip("digits/config.pbtxt", 8),
    "byte of the warm-up flipped": flip("digits/warmup/golden-0-input-0", 2),
    "byte of the contract flipped": flip("contract.json", 4),
    "truncated": truncated,
    "cut to nothing": cut_to_nothing,
    "appended to": appended,
    "model missing": _missing(MODEL),
    "weights missing": _missing(WEIGHTS),
    "contract missing": _missing("contract.json"),
    "config.pbtxt missing": _missing("digits/config.pbtxt"),
    "manifest missing": _missing(MANIFEST),
    "extra file beside the model": _written("digits/1/extra.py"),
    "extra file that is empty": _written("digits/1/extra.py", b""),
    "extra hidden file": _written("digits/1/.hidden"),
    "extra file at the top": _written("README.md"),
    "extra model": _written("other/1/model.py"),
    "extra version of the model": _written("digits/2/model.py"),
    "Python's cache": _written("digits/1/__pycache__/model.cpython-311.pyc"),
    "empty folder that Triton takes for a version": _folder("digits/7"),
    "empty folder at the top": _folder("other"),
    "renamed": _renamed(MODEL, "digits/1/model2.py"),
    "renamed in case": _renamed(MODEL, "digits/1/Model.py"),
    "moved to another version": _renamed(MODEL, "digits/01/model.py"),
    "link to the same content": link_to_the_same_content,
    "folder linked out": folder_linked_out,
    "whole version linked out": whole_version_linked_out,
    "pipe": pipe,
    "manifest is a pipe": manifest_is_a_pipe,
    "manifest is a folder": manifest_is_a_folder,
    "file became a folder": file_became_a_folder,
    "contents exchanged": contents_exchanged,
    "name that is not UTF-8": name_that_is_not_utf8,
    "name with a new line": lambda version: _written("a\nb")(version) and r"a\nb",
}


def _set(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.update({key: value})


def _file(path: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["files"].update({path: {"sha256": "0" * 64, "size": 1}})


_FIELDS = (
    "schema", "model", "version", "framework", "source", "created", "contract", "digest", "size",
    "files",
)  # fmt: skip

LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    **{f"no {key}": lambda document, key=key: document.pop(key) for key in _FIELDS},
    "schema of tomorrow": _set("schema", 2),
    "schema as text": _set("schema", "1"),
    "unknown field": _set("signature", "x"),
    "another model": _set("model", "letters"),
    "another version": _set("version", 2),
    "version as text": _set("version", "1"),
    "version below one": _set("version", 0),
    "empty framework": _set("framework", ""),
    "no time zone": _set("created", "2026-07-01T12:30:00"),
    "no time": _set("created", "yesterday"),
    "short digest": _set("digest", "sha256:00"),
    "wrong digest": _set("digest", f"sha256:{'0' * 64}"),
    "wrong contract": _set("contract", f"sha256:{'0' * 64}"),
    "wrong size": _set("size", 7),
    "negative size": _set("size", -1),
    "no files": _set("files", {}),
    "files as a list": _set("files", []),
    "a file twice as large": lambda d: d["files"][WEIGHTS].update(size=16384),
    "a file of negative size": lambda d: d["files"][WEIGHTS].update(size=-1),
    "a file of fractional size": lambda d: d["files"][WEIGHTS].update(size=8192.5),
    "a file with another sum": lambda d: d["files"][WEIGHTS].update(sha256="0" * 64),
    "a file with a sum in capitals": lambda d: d["files"][WEIGHTS].update(sha256="A" * 64),
    "a file with more facts": lambda d: d["files"][WEIGHTS].update(mode="0777"),
    "a file left out": lambda d: d["files"].pop(WEIGHTS),
    "a file too many": _file("digits/1/late.py"),
    "a file outside": _file("digits/1/../../../../etc/passwd"),
    "an absolute file": _file("/etc/passwd"),
    "a file with an empty part": _file("digits//1/x"),
    "a file in its own folder": _file("digits/1/./x"),
    "a file with a control character": _file("digits/1/a\u0007"),
    "a file with half a character": _file("digits/1/\ud800"),
    "a file in a version that is no number": _file("digits/v1/model.py"),
    "a file in another version": _file("digits/2/model.py"),
    "a file differing in case": _file("digits/1/MODEL.py"),
    "a file that is a folder": _file(f"{MODEL}/x"),
    "a file at the top": _file("run.sh"),
    "itself": _file("manifest.json"),
}
"""What a manifest may say that is not true or not allowed."""


def _raw(content: bytes) -> Damage:
    return _written(MANIFEST, content)


def manifest_with_a_key_twice(version: Path) -> str:
    text = (version / MANIFEST).read_text()
    (version / MANIFEST).write_text(text.replace('"version": 1', '"version": 2,\n  "version": 1'))
    return MANIFEST


def manifest_with_a_file_twice(version: Path) -> str:
    document = json.loads((version / MANIFEST).read_text())
    entry = json.dumps(document["files"][MODEL])
    text = json.dumps(document).replace(f'"{MODEL}":', f'"{MODEL}": {entry}, "{MODEL}":')
    (version / MANIFEST).write_text(text)
    return MANIFEST


def huge_manifest(version: Path) -> str:
    os.truncate(version / MANIFEST, 1 << 32)
    return MANIFEST


RAW: dict[str, Damage] = {
    "nothing": _raw(b""),
    "not JSON": _raw(b"version: 1\n"),
    "not UTF-8": _raw(b'{"schema": "\xff"}'),
    "UTF-16": _raw('{"schema": 1}'.encode("utf-16")),
    "a list": _raw(b"[1]"),
    "nested too deep": _raw(b"[" * 100_000),
    "a number of 10,000 digits": _raw(b'{"size": ' + b"9" * 10_000 + b"}"),
    "not a number": _raw(b'{"size": NaN}'),
    "a key twice": manifest_with_a_key_twice,
    "a file twice": manifest_with_a_file_twice,
    "4 GiB": huge_manifest,
}
