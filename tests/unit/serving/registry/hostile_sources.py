"""Sources that must be refused: each spoils a good one and names what the refusal has to name."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

Spoil = Callable[[Path], str]

FILES = {"model.py": b"class TritonPythonModel: ...\n", "weights/w.bin": b"\x00\x01" * 4096}


def _file(name: str, shown: str | None = None, content: bytes = b"x") -> Spoil:
    def spoil(source: Path) -> str:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return shown or name

    return spoil


def _link(name: str, to: str) -> Spoil:
    def spoil(source: Path) -> str:
        (source.parent / "secret").write_text("not yours")
        (source / name).symlink_to(to)
        return name

    return spoil


def model_replaced_by_a_link(source: Path) -> str:
    (source / "model.py").rename(source.parent / "model.py")
    (source / "model.py").symlink_to(source.parent / "model.py")
    return "model.py"


def folder_replaced_by_a_link(source: Path) -> str:
    (source / "weights").rename(source.parent / "weights")
    (source / "weights").symlink_to(source.parent / "weights")
    return "weights"


def pipe(source: Path) -> str:
    os.mkfifo(source / "pipe")
    return "pipe"


def model_replaced_by_a_pipe(source: Path) -> str:
    (source / "model.py").unlink()
    os.mkfifo(source / "model.py")
    return "model.py"


def unix_socket(source: Path) -> str:
    here = os.getcwd()
    os.chdir(source)  # the path of a socket is limited to 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("listener")
    finally:
        os.chdir(here)
    return "listener"


def device(source: Path) -> str:
    try:
        os.mknod(source / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    return "null"


def name_that_is_not_utf8(source: Path) -> str:
    with open(os.fsencode(source) + b"/caf\xe9", "wb") as file:
        file.write(b"x")
    return r"caf\udce9"


def no_model(source: Path) -> str:
    (source / "model.py").unlink()
    return "model.py: is missing"


def model_under_another_name(source: Path) -> str:
    (source / "model.py").rename(source / "network.onnx")
    return "there is network.onnx"


def model_one_folder_too_deep(source: Path) -> str:
    (source / "digits").mkdir()
    (source / "model.py").rename(source / "digits" / "model.py")
    return "there is digits/model.py"


def model_is_a_folder(source: Path) -> str:
    (source / "model.py").unlink()
    return _file("model.py/__init__.py", "model.py: is missing")(source)


def empty_model(source: Path) -> str:
    (source / "model.py").write_bytes(b"")
    return "model.py: is empty"


def no_files(source: Path) -> str:
    (source / "model.py").unlink()
    (source / "weights" / "w.bin").unlink()
    return "holds no files"


def no_folder(source: Path) -> str:
    no_files(source)
    (source / "weights").rmdir()
    source.rmdir()
    return "No such file or directory"


def deep_folders(source: Path) -> str:
    return _file("/".join(["d" * 20] * 26), "dddd")(source)


def two_files(first: str, second: str) -> Spoil:
    def spoil(source: Path) -> str:
        _file(first)(source)
        _file(second)(source)
        return second

    return spoil


SOURCES: dict[str, Spoil] = {
    "link to a file inside": _link("again.py", "model.py"),
    "link to a file outside": _link("secret", "../secret"),
    "absolute link": _link("passwd", "/etc/passwd"),
    "dangling link": _link("gone", "nowhere"),
    "link to a folder outside": _link("etc", "/etc"),
    "link to its own folder": _link("loop", "."),
    "link that a cache hides": _link("__pycache__", "/etc"),
    "model replaced by a link": model_replaced_by_a_link,
    "folder replaced by a link": folder_replaced_by_a_link,
    "pipe": pipe,
    "model replaced by a pipe": model_replaced_by_a_pipe,
    "socket": unix_socket,
    "device": device,
    "name that is not UTF-8": name_that_is_not_utf8,
    "new line in a name": _file("a\nb", r"a\nb"),
    "tab in a name": _file("a\tb", r"a\tb"),
    "terminal escape in a name": _file("a\x1b[2Jb", r"a\x1b[2Jb"),
    "right-to-left override in a name": _file("a\u202eyp.b", r"a\u202eyp.b"),
    "zero-width space in a name": _file("a\u200bb", r"a\u200bb"),
    "no-break space in a name": _file("a\u00a0b", r"a\xa0b"),
    "backslash in a name": _file("..\\w.bin"),
    "drive in a name": _file("C:w.bin"),
    "space before a name": _file(" w.bin"),
    "space after a name": _file("w.bin "),
    "space after a folder's name": _file("weights /w.bin", "weights : its name"),
    "path of 545 bytes": deep_folders,
    "names differ in case": two_files("Labels.txt", "labels.txt"),
    "folders differ in case": two_files("Weights/a", "weights/b"),
    "a file and a folder differ in case": two_files("WEIGHTS", "weights/b"),
    "names differ in composition": two_files("cafe\u0301", "caf\u00e9"),
    "names differ in folding": two_files("gross", "gro\u00df"),
    "own config.pbtxt": _file("config.pbtxt"),
    "no model": no_model,
    "model under another name": model_under_another_name,
    "model one folder too deep": model_one_folder_too_deep,
    "model is a folder": model_is_a_folder,
    "empty model": empty_model,
    "no files": no_files,
    "no folder": no_folder,
}


def _rewritten(source: Path) -> str:
    (source / "weights" / "w.bin").write_bytes(b"\x02\x03" * 4096)
    return "weights/w.bin"


def _appended(source: Path) -> str:
    with (source / "weights" / "w.bin").open("ab") as file:
        file.write(b"more")
    return "weights/w.bin"


def _truncated(source: Path) -> str:
    os.truncate(source / "weights" / "w.bin", 100)
    return "weights/w.bin"


def _deleted(source: Path) -> str:
    (source / "weights" / "w.bin").unlink()
    return "weights/w.bin"


def _exchanged(source: Path) -> str:
    (source / "new").write_bytes(b"\x02\x03" * 4096)
    (source / "new").rename(source / "weights" / "w.bin")
    return "weights/w.bin"


CHANGES: dict[str, Spoil] = {
    "rewritten": _rewritten,
    "appended to": _appended,
    "truncated": _truncated,
    "deleted": _deleted,
    "exchanged": _exchanged,
    "added": _file("late.bin"),
    "a link added": _link("late", "/etc/passwd"),
    "model replaced by a link": model_replaced_by_a_link,
    "model replaced by a pipe": model_replaced_by_a_pipe,
    "folder replaced by a link": folder_replaced_by_a_link,
}
"""What somebody does while the files are being copied."""
