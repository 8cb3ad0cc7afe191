"""A node's own copy of a version."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from serving.errors import InputError
from serving.registry.errors import Refused, StoreError
from serving.registry.fetch import fetch
from serving.registry.files import Files, Listed
from serving.registry.folder_store import FolderStore
from serving.registry.manifest import Manifest
from tests.unit.serving.registry.workplace import Workplace

FILES = {"model.py": b"# a model\n", "weights.bin": b"w" * 200_000, "labels.txt": b"zero\none\n"}


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up(FILES)


class Remote(Files):
    """A version's folder behind HTTP."""

    def __init__(self, url: str, files: Files) -> None:
        self.where = url
        self._files = files

    def listed(self) -> Mapping[str, Listed]:
        return self._files.listed()

    @contextmanager
    def open(self, path: str) -> Iterator[io.RawIOBase]:
        try:
            with urlopen(f"{self.where}/{path}", timeout=10) as answer:
                yield answer
        except OSError as error:
            raise OSError(5, str(error)) from error


class RemoteStore(FolderStore):
    """Counts what is asked of it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[str] = []
        self.down = False
        self.slowly = threading.Event()
        self.slowly.set()
        self.url = ""

    def version(self, model: str, version: int) -> Any:
        return Remote(f"{self.url}/{model}/{version}", super().version(model, version))


@contextmanager
def served(root: Path) -> Iterator[RemoteStore]:
    store = RemoteStore(root)

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            store.asked.append(self.path.rpartition("/")[2])
            store.slowly.wait(10)
            if store.down:
                self.send_error(503)
            else:
                super().do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    handler = partial(Handler, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store.url = f"http://127.0.0.1:{server.server_port}"
        yield store
        server.shutdown()


@pytest.fixture
def remote(workplace: Workplace) -> Iterator[RemoteStore]:
    workplace.publish()
    with served(workplace.store) as store:
        yield store


@pytest.fixture
def cache(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "node")


def got(remote: RemoteStore, cache: FolderStore, **more: Any) -> Manifest:
    return fetch(remote, cache, "digits", 1, **more)


def test_a_version_is_there_as_it_was_published(
    remote: RemoteStore, cache: FolderStore, workplace: Workplace, tmp_path: Path
) -> None:
    manifest = got(remote, cache, promised=workplace.promised())
    assert (tmp_path / "node/digits/1/digits/1/labels.txt").read_bytes() == b"zero\none\n"
    assert manifest == workplace.verify()


def test_two_pods_on_a_node_copy_it_once(remote: RemoteStore, cache: FolderStore) -> None:
    """STO-10. The second comes while the first is at it."""
    remote.slowly.clear()
    paused = threading.Event()

    def pause(_: float) -> None:
        paused.set()
        remote.slowly.set()

    with ThreadPoolExecutor(2) as pods:
        first = pods.submit(got, remote, cache)
        while not remote.asked:
            assert not first.done()
        second = pods.submit(got, remote, cache, sleep=pause)
        assert first.result(30) == second.result(30)
    assert paused.is_set()
    assert len(remote.asked) == len(set(remote.asked))


def test_the_next_pod_needs_no_source_at_all(remote: RemoteStore, cache: FolderStore) -> None:
    """FM-4."""
    got(remote, cache)
    asked = len(remote.asked)
    remote.down = True
    got(remote, cache)
    assert len(remote.asked) == asked


def test_a_source_that_fails_leaves_nothing_and_the_next_try_takes_all(
    remote: RemoteStore, cache: FolderStore, tmp_path: Path
) -> None:
    remote.down = True
    with pytest.raises(StoreError):
        got(remote, cache)
    assert cache.versions("digits") == []
    remote.down = False
    got(remote, cache)
    assert cache.versions("digits") == ["1"]


def test_a_file_that_is_not_what_was_published_is_never_served(
    remote: RemoteStore, cache: FolderStore, workplace: Workplace
) -> None:
    (workplace.open_up() / "digits/1/labels.txt").write_bytes(b"zero\ntwo\n")
    with pytest.raises(Refused, match=r"labels\.txt: is not what was published"):
        got(remote, cache)
    assert cache.versions("digits") == []


def test_a_copy_that_was_damaged_on_the_node_is_refused(
    remote: RemoteStore, cache: FolderStore, tmp_path: Path
) -> None:
    got(remote, cache)
    file = tmp_path / "node/digits/1/digits/1/labels.txt"
    file.chmod(0o644)
    file.write_bytes(b"zero\ntwo\n")
    with pytest.raises(Refused, match=r"labels\.txt"):
        got(remote, cache)


def test_another_version_than_the_yaml_names_is_refused(
    remote: RemoteStore, cache: FolderStore, workplace: Workplace
) -> None:
    promised = workplace.promised()
    assert promised is not None
    other = promised.model_copy(update={"digest": f"sha256:{'0' * 64}"})
    with pytest.raises(Refused, match="the model's YAML says"):
        got(remote, cache, promised=other)


def test_a_version_that_nobody_published_is_told(remote: RemoteStore, cache: FolderStore) -> None:
    with pytest.raises(InputError, match="is not in"):
        fetch(remote, cache, "digits", 2)


def test_the_wait_for_somebody_else_has_an_end(remote: RemoteStore, cache: FolderStore) -> None:
    pauses: list[float] = []
    with cache.staging("digits", 1), pytest.raises(Refused, match="somebody else"):
        got(remote, cache, patience=3, sleep=pauses.append)
    assert sum(pauses) == 3
