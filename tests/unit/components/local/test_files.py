from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.local import document, folder, log_writer, writing


@contextmanager
def reader(status: int, words: str = "") -> Iterator[tuple[str, list[str]]]:
    """Somebody who is told to read again: the address, and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(words.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/-/reload", asked
        finally:
            server.shutdown()
            thread.join()


def props(path: Path, content: str, reload: str = "") -> dict[str, Any]:
    return {"path": str(path), "content": content, "reload": reload}


def test_a_document_is_written_and_its_reader_told(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "rules.yaml"
    with reader(200) as (url, asked):
        document.create(props(path, "groups: []", url))
    assert path.read_text() == "groups: []"
    assert asked == ["/-/reload"]


def test_a_document_that_its_reader_refuses_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("good")
    with (
        reader(500, "could not parse expression") as (url, _),
        pytest.raises(document.NotTaken, match=r"rules.yaml: could not parse expression"),
    ):
        document.update(props(path, "good"), props(path, "bad", url))
    assert path.read_text() == "good"


def test_a_reader_that_does_not_run_reads_the_document_when_it_starts(tmp_path: Path) -> None:
    document.create(props(tmp_path / "a", "x", "http://127.0.0.1:9/-/reload"))
    assert (tmp_path / "a").read_text() == "x"


def test_a_document_that_was_changed_or_removed_by_hand_is_a_difference(tmp_path: Path) -> None:
    made = props(tmp_path / "a", "x")
    document.create(made)
    assert not document.differs(made, made)
    (tmp_path / "a").write_text("y")
    assert document.differs(made, made)
    document.delete(made)
    assert document.differs(made, made)
    document.delete(made)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    writing.write(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        writing.write(path, "new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_secret_file_is_its_owners_alone(tmp_path: Path) -> None:
    writing.write(tmp_path / "key", "secret", mode=0o600)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_holds_something_is_not_removed(tmp_path: Path) -> None:
    made = {"path": str(tmp_path / "store")}
    folder.create(made)
    (tmp_path / "store" / "digits").mkdir()
    folder.delete(made)
    assert folder.exists(made)
    (tmp_path / "store" / "digits").rmdir()
    folder.delete(made)
    assert not folder.exists(made)


def test_a_log_keeps_its_newest_lines_and_does_not_grow_for_ever(tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    for number in range(6):
        reading, writing_end = os.pipe()
        os.write(writing_end, f"{number}{'x' * 699}".encode())
        os.close(writing_end)
        log_writer.write_log(reading, log, 1000)
        os.close(reading)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["it.log", "it.log.1", "it.log.2", "it.log.3"]
    assert [file.read_text()[0] for file in files] == ["5", "4", "3", "2"]
