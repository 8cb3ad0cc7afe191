"""What is served, on a node's disk before a pod of the node wants it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from serving.contract.repository import MANIFEST
from serving.registry import prefetch
from serving.registry.folder_store import FolderStore
from serving.registry.manifest import Entry, tree_digest
from serving.registry.prefetch import ALIVE_SECONDS, keep, named
from serving.registry.verify import verify
from tests.unit.serving.registry.workplace import Workplace

FILES = {"model.py": b"# a model\n", "weights.bin": b"w" * 200_000, "labels.txt": b"zero\none\n"}
VERSION = "vision/digits/1"


class Node:
    """One with the store of all tenants mounted, and a disk."""

    def __init__(self, root: Path) -> None:
        self.source, self.cache = root / "mounted", root / "disk"
        self.workplace = Workplace(root).set_up(FILES)
        self.wanted: dict[str, str] = {}
        self.pieces = 0

    def publish(self, version: int = 1) -> None:
        self.workplace.publish(version, FolderStore(self.source / "vision"))
        promised = self.workplace.promised(version)
        assert promised is not None
        assert promised.digest is not None
        self.wanted[f"vision/digits/{version}"] = promised.digest

    def round(self) -> list[Mapping[str, Any]]:
        return list(keep(self.wanted, self.source, self.cache, self._copied))

    def _copied(self) -> None:
        self.pieces += 1

    def folder(self, version: str = VERSION) -> Path:
        return self.cache / version

    def damage(self, path: str, content: bytes) -> None:
        file = self.source / VERSION / path
        file.chmod(0o644)
        file.write_bytes(content)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    made = Node(tmp_path)
    made.publish()
    return made


def test_what_is_wanted_is_there_as_it_was_published(node: Node) -> None:
    """STO-10, and what starts a server would find nothing wrong with it."""
    assert node.round() == [{"event": "copied", "version": VERSION}]
    promised = node.workplace.promised()
    copied = verify(FolderStore(node.cache / "vision"), "digits", 1, promised=promised)
    assert set(copied.files) > {"digits/1/weights.bin", "digits/1/labels.txt"}


def test_it_is_read_from_the_store_once_for_all_pods_of_the_node(node: Node) -> None:
    node.round()
    read = node.pieces
    (node.source / VERSION / MANIFEST).chmod(0)
    assert node.round() == []
    assert node.pieces == read


def test_what_nobody_is_sent_to_any_more_makes_room(node: Node) -> None:
    node.round()
    node.publish(2)
    del node.wanted[VERSION]
    assert node.round() == [
        {"event": "removed", "version": VERSION},
        {"event": "copied", "version": "vision/digits/2"},
    ]
    assert [each.name for each in (node.cache / "vision/digits").iterdir()] == ["2"]


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("digits/1/labels.txt", b"zero\ntwo\n", "labels.txt is not what was published"),
        (MANIFEST, b'{"files": {}}', "manifest.json is not that of sha256:"),
        (MANIFEST, b"{", "JSONDecodeError"),
        (MANIFEST, b"{}", "KeyError"),
    ],
)
def test_what_is_not_what_was_published_never_gets_its_name(
    node: Node, path: str, content: bytes, said: str
) -> None:
    node.damage(path, content)
    (event,) = node.round()
    assert event["event"] == "failed"
    assert said in event["error"]
    assert not node.folder().exists()
    assert list(node.cache.glob("*/*/.*")) == []


def test_nothing_is_written_outside_of_its_folder(node: Node, tmp_path: Path) -> None:
    entry = {"sha256": "0" * 64, "size": 1}
    files = {"../../../../outside": entry}
    node.damage(MANIFEST, json.dumps({"files": files}).encode())
    node.wanted[VERSION] = prefetch.tree_digest(files)
    (event,) = node.round()
    assert "lies outside" in event["error"]
    assert not (tmp_path / "outside").exists()


def test_a_store_that_is_gone_for_a_while_delays_only_what_is_new(node: Node) -> None:
    """FM-4."""
    node.round()
    node.publish(2)
    away = node.source.rename(node.source.parent / "away")
    (event,) = node.round()
    assert (event["event"], event["version"]) == ("failed", "vision/digits/2")
    assert node.folder().is_dir()
    away.rename(node.source)
    assert node.round() == [{"event": "copied", "version": "vision/digits/2"}]


def test_one_that_fails_keeps_no_other_waiting(node: Node) -> None:
    node.wanted["vision/another/1"] = "sha256:"
    assert {each["version"]: each["event"] for each in node.round()} == {
        "vision/another/1": "failed",
        VERSION: "copied",
    }


def test_what_one_killed_half_way_left_is_cleared_and_made_anew(node: Node) -> None:
    half = node.cache / "vision/digits/.aside-1"
    half.mkdir(parents=True)
    (half / "weights.bin").write_bytes(b"w")
    events = node.round()
    assert [each["event"] for each in events] == ["removed", "copied"]
    assert [each.name for each in half.parent.iterdir()] == ["1"]


def test_a_digest_is_the_one_that_publishing_enters() -> None:
    entries = {"b": Entry(sha256="b" * 64, size=2), "a/c": Entry(sha256="a" * 64, size=1)}
    assert prefetch.tree_digest(
        {path: entry.model_dump() for path, entry in entries.items()}
    ) == tree_digest(entries)


def test_what_is_still_served_counts_as_wanted_and_what_is_wanted_has_the_last_word(
    tmp_path: Path,
) -> None:
    wanted, kept = tmp_path / "wanted.json", tmp_path / "kept.json"
    wanted.write_text('{"vision/digits/2": "new", "vision/digits/3": "three"}')
    assert named(wanted, kept) == {"vision/digits/2": "new", "vision/digits/3": "three"}
    kept.write_text('{"vision/digits/1": "one", "vision/digits/2": "old"}')
    assert named(wanted, kept) == {
        "vision/digits/1": "one", "vision/digits/2": "new", "vision/digits/3": "three",
    }  # fmt: skip


def test_it_runs_by_itself_and_says_that_it_lives(node: Node, tmp_path: Path) -> None:
    wanted, alive = tmp_path / "wanted.json", tmp_path / "alive"
    wanted.write_text(json.dumps(node.wanted))
    surroundings = {
        "WANTED": str(wanted), "KEPT": str(tmp_path / "not yet.json"), "ALIVE": str(alive),
        "SOURCE": str(node.source), "CACHE": str(node.cache),
    }  # fmt: skip
    command = [sys.executable, "-I", prefetch.__file__]
    with subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"event": "copied", "version": VERSION}

        def lives() -> bool:
            return subprocess.run([*command, "--alive"], env=surroundings).returncode == 0

        assert lives()
        long_ago = time.time() - ALIVE_SECONDS - 60
        process.kill()
        process.wait()
        os.utime(alive, (long_ago, long_ago))
        assert not lives()


def test_it_needs_nothing_but_python() -> None:
    tree = ast.parse(Path(prefetch.__file__).read_text(encoding="utf-8"))
    imported = {
        str(name).split(".")[0]
        for found in ast.walk(tree)
        if isinstance(found, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in found.names]
            if isinstance(found, ast.Import)
            else [found.module]
        )
    }
    assert imported <= sys.stdlib_module_names
